// Descriptors other than sockets: the wake-up, signals, the reserve, and plain reads and writes.

public import Reactor
package import SystemPackage

extension SimulatedKernel {
    /// read(2).
    package func read(_ descriptor: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        if let file = file(descriptor.rawValue) as? SimulatedRegularFile {
            return read(descriptor, file, into: buffer)
        }
        if let errno = fault(.read) {
            if errno.faultClass == .wouldBlock, let file = file(descriptor.rawValue) {
                wakeLater(file, [.readable, .peerClosed])
            }
            return leave(.read, descriptor.rawValue, SystemResult(errno))
        }
        guard let file = file(descriptor.rawValue) else {
            violate("read of descriptor \(descriptor.rawValue), which is not open")
            return leave(.read, descriptor.rawValue, SystemResult(.badFileDescriptor))
        }
        if let file = file as? RegularFile {
            spin.noteProgress()
            // Safe: the callee writes within the bounds of the buffer, which outlives the call.
            return leave(
                .read, descriptor.rawValue, unsafe buffer.withUnsafeMutableBytes { unsafe file.read(into: $0) })
        }
        guard let socket = file as? SimulatedSocket else { return leave(.read, descriptor.rawValue, SystemResult(0)) }
        // Safe: the callee writes within the bounds of the buffer, which outlives the call.
        let result = unsafe buffer.withUnsafeMutableBytes { unsafe socket.receive(into: $0) }
        if result.succeeded { spin.noteProgress() }
        return leave(.read, descriptor.rawValue, result)
    }

    /// write(2).
    package func write(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        if let errno = fault(.write) {
            if errno.faultClass == .wouldBlock, let file = file(descriptor.rawValue) { wakeLater(file, .writable) }
            if errno == .brokenPipe { raiseBrokenPipe() }
            return leave(.write, descriptor.rawValue, SystemResult(errno))
        }
        guard let file = file(descriptor.rawValue) else {
            violate("write to descriptor \(descriptor.rawValue), which is not open")
            return leave(.write, descriptor.rawValue, SystemResult(.badFileDescriptor))
        }
        guard let socket = file as? SimulatedSocket else {
            return leave(.write, descriptor.rawValue, SystemResult(bytes.byteCount))
        }
        // Safe: the callee copies the bytes while they are borrowed.
        let result = unsafe bytes.withUnsafeBytes { unsafe socket.send($0) }
        if result.succeeded { spin.noteProgress() }
        if result.errno == .brokenPipe { raiseBrokenPipe() }
        return leave(.write, descriptor.rawValue, result)
    }

    /// Raises `SIGPIPE`, which ends a process that has not blocked it.
    func raiseBrokenPipe() {
        if !blockedSignals.contains(.brokenPipe) { violate("SIGPIPE was not blocked: it ended the process") }
        pendingSignals.insert(.brokenPipe)
    }

    /// open(2) of the reserve descriptor.
    package func reserveDescriptor() -> SystemResult {
        if let errno = fault(.reserve) { return leave(.reserve, -1, SystemResult(errno)) }
        return leave(.reserve, -1, open(NullFile()))
    }

    /// Returns ``descriptorMaximum``.
    package func descriptorLimit() -> SystemResult { SystemResult(descriptorMaximum) }

    /// Returns ``forks``.
    public func forkCount() -> UInt32 { forks }

    // MARK: Wake-up

    /// eventfd(2).
    package func eventDescriptor() -> SystemResult {
        if let errno = fault(.eventDescriptor) { return leave(.eventDescriptor, -1, SystemResult(errno)) }
        let counter = EventCounter()
        let result = open(counter)
        if result.succeeded { counters.append(counter) }
        return leave(.eventDescriptor, -1, result)
    }

    /// Returns a function that increments an eventfd, callable on any thread. A wait that is already asleep notices the
    /// increment at the next event of the world.
    package func notifier(for event: FileDescriptor) -> @Sendable () -> SystemResult {
        guard let counter = file(event.rawValue) as? EventCounter else {
            return { SystemResult(.badFileDescriptor) }
        }
        let count = counter.count
        return {
            if count.isClosed.load(ordering: .sequentiallyConsistent) {
                count.lateWrites.add(1, ordering: .sequentiallyConsistent)
                return SystemResult(.badFileDescriptor)
            }
            count.value.add(1, ordering: .sequentiallyConsistent)
            count.isNews.store(true, ordering: .sequentiallyConsistent)
            return SystemResult(8)
        }
    }

    /// Resets an eventfd to zero (read(2)).
    package func clearNotifications(_ event: FileDescriptor) -> SystemResult {
        if let errno = fault(.clearNotifications) {
            if errno.faultClass == .wouldBlock, let file = file(event.rawValue) { wakeLater(file, .readable) }
            return leave(.clearNotifications, event.rawValue, SystemResult(errno))
        }
        guard let counter = file(event.rawValue) as? EventCounter else {
            violate("read of eventfd \(event.rawValue), which is not open")
            return leave(.clearNotifications, event.rawValue, SystemResult(.badFileDescriptor))
        }
        let count = counter.count.value.exchange(0, ordering: .sequentiallyConsistent)
        if count > 0 { spin.noteProgress() }
        return leave(
            .clearNotifications, event.rawValue,
            count > 0 ? SystemResult(8) : SystemResult(.resourceTemporarilyUnavailable))
    }

    // MARK: Signals

    /// signalfd(2).
    package func signalDescriptor(for signals: [Signal]) -> SystemResult {
        if let errno = fault(.signalDescriptor) { return leave(.signalDescriptor, -1, SystemResult(errno)) }
        let queue = SignalQueue(signals: signals)
        let result = open(queue)
        if result.succeeded { signalQueues.append(queue) }
        return leave(.signalDescriptor, -1, result)
    }

    /// Reads one signal from a signalfd (read(2)).
    package func readSignal(_ descriptor: FileDescriptor) -> SystemResult {
        if let errno = fault(.readSignal) {
            if errno.faultClass == .wouldBlock, let file = file(descriptor.rawValue) { wakeLater(file, .readable) }
            return leave(.readSignal, descriptor.rawValue, SystemResult(errno))
        }
        guard let queue = file(descriptor.rawValue) as? SignalQueue else {
            violate("read of signalfd \(descriptor.rawValue), which is not open")
            return leave(.readSignal, descriptor.rawValue, SystemResult(.badFileDescriptor))
        }
        guard let signal = queue.take() else {
            return leave(.readSignal, descriptor.rawValue, SystemResult(.resourceTemporarilyUnavailable))
        }
        spin.noteProgress()
        return leave(.readSignal, descriptor.rawValue, SystemResult(Int(signal.rawValue)))
    }

    /// Records whether a signal is blocked (pthread_sigmask(3)).
    package func setBlocked(_ signal: Signal, _ blocked: Bool) -> SystemResult {
        let was = blockedSignals.contains(signal)
        if !blocked, pendingSignals.contains(signal) { violate("\(signal) was unblocked while one was pending") }
        if blocked { blockedSignals.insert(signal) } else { blockedSignals.remove(signal) }
        return SystemResult(was ? 1 : 0)
    }

    /// Succeeds: there is only one thread.
    package func setForwarded(_ signal: Signal, _ forwarded: Bool) -> SystemResult { SystemResult(0) }

    /// Sends the simulated process a signal. A signal that is not blocked is a violation, because it would end the
    /// process.
    public func raise(_ signal: Signal) {
        note("\(signal) arrives")
        if !blockedSignals.contains(signal) { violate("\(signal) was not blocked: it ended the process") }
        for queue in signalQueues where queue.references > 0 { queue.raise(signal) }
    }
}
