// The three waiting calls. While the program sleeps, the clock leaps from event to event, until one makes a descriptor
// ready or the timeout expires.

package import Reactor
package import SystemPackage

extension SimulatedKernel {
    /// epoll_create1(2).
    package func epollCreate() -> SystemResult {
        if let errno = fault(.epollCreate) { return leave(.epollCreate, -1, SystemResult(errno)) }
        return leave(.epollCreate, -1, open(SimulatedEpoll()))
    }

    /// epoll_ctl(2).
    package func epollControl(
        _ epoll: FileDescriptor, _ operation: EpollOperation, _ descriptor: FileDescriptor, events: UInt32, data: UInt64
    ) -> SystemResult {
        // Of the errors in epoll_ctl(2), only EBADF, EINVAL and ENOENT apply to EPOLL_CTL_DEL, and they are the
        // caller's mistakes: ENOSPC, EEXIST, ELOOP and EPERM concern EPOLL_CTL_ADD, and ENOMEM is impossible because
        // removal (ep_remove) allocates nothing. So a deletion never fails by random or planned fault, and is not a
        // torture point.
        if operation != .delete, let errno = fault(.epollControl) {
            return leave(.epollControl, descriptor.rawValue, SystemResult(errno), argument: Int(operation.rawValue))
        }
        guard let set = file(epoll.rawValue) as? SimulatedEpoll, let file = file(descriptor.rawValue) else {
            return leave(.epollControl, descriptor.rawValue, SystemResult(.badFileDescriptor))
        }
        spin.noteProgress()
        return leave(
            .epollControl, descriptor.rawValue,
            set.control(operation, descriptor.rawValue, file, events: events, data: data),
            argument: Int(operation.rawValue))
    }

    /// epoll_pwait2(2).
    package func epollWait(
        _ epoll: FileDescriptor, into events: inout MutableSpan<EpollEvent>, timeout: WaitTimeout
    ) -> SystemResult {
        if let errno = beginWait() { return leave(.wait, -1, SystemResult(errno)) }
        guard let set = file(epoll.rawValue) as? SimulatedEpoll else { return SystemResult(.badFileDescriptor) }
        let limit = events.count
        var found: [EpollEvent] = []
        if random.chance(faults.spuriousReadiness), let watch = set.all.randomElement(using: &random) {
            spin.noteProgress()
            found.append(EpollEvent(events: watch.events & 0x5, data: watch.data))
        }
        let interrupted = sleep(timeout) {
            found += set.collect(limit - found.count) { watches in
                if random.chance(faults.reordering) { random.shuffle(&watches) }
            }
            return !found.isEmpty
        }
        if interrupted { return leave(.wait, -1, SystemResult(.interrupted)) }
        for index in found.indices { events[index] = found[index] }
        return leave(.wait, -1, SystemResult(found.count), argument: Int(clamping: timeout.nanoseconds))
    }

    /// ppoll(2).
    package func poll(_ entries: inout MutableSpan<PollEntry>, timeout: WaitTimeout) -> SystemResult {
        if let errno = beginWait() { return leave(.wait, -1, SystemResult(errno)) }
        var copy: [PollEntry] = []
        for index in entries.indices {
            entries[index].found = 0
            copy.append(entries[index])
        }
        var count = 0
        let spurious = copy.isEmpty || !random.chance(faults.spuriousReadiness) ? -1 : random.below(copy.count)
        if spurious >= 0 {
            spin.noteProgress()
            copy[spurious].found = copy[spurious].events & 0x5
        }
        let interrupted = sleep(timeout) {
            count = 0
            for index in copy.indices {
                copy[index].found |= look(copy[index])
                if copy[index].found != 0 { count += 1 }
            }
            return count > 0
        }
        if interrupted { return leave(.wait, -1, SystemResult(.interrupted)) }
        for index in copy.indices { entries[index].found = copy[index].found }
        return leave(.wait, -1, SystemResult(count), argument: Int(clamping: timeout.nanoseconds))
    }

    private func look(_ entry: PollEntry) -> Int16 {
        if entry.descriptor < 0 { return 0 }
        guard let file = file(entry.descriptor) else { return Int16(Readiness.invalid.rawValue) }
        let wanted = UInt16(bitPattern: entry.events) | Readiness.error.rawValue | Readiness.hangUp.rawValue
        return Int16(bitPattern: file.readiness.rawValue & wanted)
    }

    /// pselect6(2).
    package func select(
        below limit: Int, read: inout MutableSpan<UInt64>, write: inout MutableSpan<UInt64>,
        except: inout MutableSpan<UInt64>, timeout: WaitTimeout
    ) -> SystemResult {
        if let errno = beginWait() { return leave(.wait, -1, SystemResult(errno)) }
        // The descriptors in the sets, with the requested events; on return the sets hold those that are ready.
        var asked: [(number: Int, wanted: Readiness)] = []
        for number in 0..<limit {
            let bit: UInt64 = 1 << UInt64(number % 64)
            var wanted: Readiness = []
            if read[number / 64] & bit != 0 { wanted.insert(.readable) }
            if write[number / 64] & bit != 0 { wanted.insert(.writable) }
            if except[number / 64] & bit != 0 { wanted.insert(.priority) }
            if wanted.isEmpty { continue }
            if file(CInt(number)) == nil { return leave(.wait, -1, SystemResult(.badFileDescriptor)) }
            asked.append((number, wanted))
        }
        var found: [(number: Int, ready: Readiness)] = []
        if random.chance(faults.spuriousReadiness), let one = asked.randomElement(using: &random) {
            spin.noteProgress()
            found.append((one.number, one.wanted.intersection([.readable, .writable])))
        }
        let interrupted = sleep(timeout) {
            for (number, wanted) in asked {
                let ready = selectView(file(CInt(number))?.readiness ?? []).intersection(wanted)
                if !ready.isEmpty { found.append((number, ready)) }
            }
            return !found.isEmpty
        }
        if interrupted { return leave(.wait, -1, SystemResult(.interrupted)) }
        for word in 0..<(limit + 63) / 64 { (read[word], write[word], except[word]) = (0, 0, 0) }
        for (number, ready) in found {
            let bit: UInt64 = 1 << UInt64(number % 64)
            if ready.contains(.readable) { read[number / 64] |= bit }
            if ready.contains(.writable) { write[number / 64] |= bit }
            if ready.contains(.priority) { except[number / 64] |= bit }
        }
        var count = 0
        for word in 0..<(limit + 63) / 64 {
            count += read[word].nonzeroBitCount + write[word].nonzeroBitCount + except[word].nonzeroBitCount
        }
        return leave(.wait, -1, SystemResult(count), argument: Int(clamping: timeout.nanoseconds))
    }

    /// select(2) reports a hang-up as readable, and an error as readable and writable (select(2), "Correspondence").
    private func selectView(_ readiness: Readiness) -> Readiness {
        var view = readiness.intersection([.readable, .writable, .priority])
        if readiness.contains(.hangUp) { view.insert(.readable) }
        if readiness.contains(.error) { view.formUnion([.readable, .writable]) }
        return view
    }

    /// The ready descriptors, for reports.
    private var readyNames: String {
        files.indices.dropFirst(3).compactMap { number in
            guard let file = files[number], file.onWake == nil else { return nil }
            let wanted = file.watches.map { " of \($0.wanted)" }.joined()
            return file.readiness.isEmpty ? nil : "\(number) (\(file.readiness)\(wanted))"
        }.joined(separator: ", ")
    }

    /// The number of waits.
    public var waits: Int { spin.waits }
    /// The number of waits that did not sleep, although the program had made no progress since the previous wait and no
    /// fault had interfered.
    public var idleWaits: Int { spin.allIdleWaits }

    // MARK: Sleeping

    private func beginWait() -> Errno? {
        let errno = fault(.wait)
        for counter in counters { counter.notifyChange() }
        while clock.advance(to: clock.now) {}
        return errno
    }

    /// Advances the world until something is ready or the timeout expires; returns whether the wait was interrupted.
    private func sleep(_ timeout: WaitTimeout, _ look: () -> Bool) -> Bool {
        let start = clock.now
        let deadline = timeout.nanoseconds < 0 ? nil : start.addingReportingOverflow(timeout.nanoseconds)
        while !look() {
            if timeout.nanoseconds == 0 { break }
            if let endsSleep, endsSleep() { return true }
            guard let deadline else {
                guard let next = clock.next else {
                    isDeadlocked = true
                    note("DEADLOCK: an indefinite wait, and no event is pending")
                    return true
                }
                _ = clock.advance(to: next)
                for counter in counters { counter.notifyChange() }
                continue
            }
            if !clock.advance(to: deadline.overflow ? .max : deadline.partialValue) { break }
            for counter in counters { counter.notifyChange() }
        }
        let idle = spin.noteWait(at: clock.now, slept: clock.now > start)
        if idle == idleWaitsPerSecond {
            violate("the loop spins: \(idle) idle waits in one second; ready: \(readyNames)")
        }
        return false
    }
}
