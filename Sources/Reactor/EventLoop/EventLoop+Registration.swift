// How sources come and go, and what they ask of the loop between turns.

import SystemPackage

extension EventLoop {
    /// Checks that the loop lives and that its selector can take a descriptor of this number.
    func checkCapacity(for descriptor: FileDescriptor) throws(SocketError) {
        let subject = "descriptor \(descriptor.rawValue)"
        if isShutDown { throw SocketError(.watch, subject: subject, reason: "the loop has ended") }
        if descriptor.rawValue < 0 { throw SocketError(.watch, subject: subject, errno: .badFileDescriptor) }
        guard let limit = selector.capabilities.descriptorLimit, descriptor.rawValue >= limit else { return }
        throw SocketError(
            .watch, subject: subject,
            reason: "\(backend) takes descriptors below \(limit) only; use epoll, poll or \(Backend.unlimitedSelect)")
    }

    func register(_ source: EventSource, wanting interest: Interest) {
        // The kernel gave the number again, so whoever is registered under it was closed without a word.
        if let former = registry.source(of: source.name) { loseDescriptor(of: former) }
        registry.add(source, wanting: interest)
    }

    /// The descriptor of a source was closed by someone else. The source is deregistered and ends; nothing is done with the
    /// number any more, which may be another file's.
    @inline(never)
    func loseDescriptor(of source: EventSource) {
        deregister(source, closesAlone: false)
        source.descriptorLost()
    }

    @inline(__always)
    func setInterest(_ interest: Interest, of source: EventSource) { registry.setInterest(interest, of: source) }

    /// Ends a registration. The source gets no event any more, not even one that was found already.
    func deregister(_ source: EventSource, closesAlone: Bool) {
        // A forked child has a duplicate of every socket: closing ours would leave it in the epoll set.
        let alone = closesAlone && kernel.forkCount() == forksAtStart
        registry.remove(source, from: selector, closesAlone: alone)
    }

    /// Has a source looked at in the next turn although no selector may say so.
    func lookAgain(at source: EventSource, _ readiness: Readiness) {
        // Once a source: an edge in each turn would else add an entry to each turn, and every entry reads a full budget.
        if source.readyAgain.isEmpty { readyAgain.append(ReadyEvent(token: source.token, readiness: readiness)) }
        source.readyAgain.formUnion(readiness)
    }

    func treatAsAlwaysReady(_ source: EventSource) {
        // The selector refuses it anew at each change of its interest.
        if alwaysReady.contains(where: { $0 === source }) { return }
        alwaysReady.append(source)
        hasAlwaysReady = true
    }

    /// A connection has ended: was it the last one that a draining loop waited for?
    func connectionFinished() {
        guard isDraining && !isStopping else { return }
        counters.drainsFinished += 1
        endDrainIfIdle()
    }

    /// Nothing that a draining loop waits for is left: it stops.
    func endDrainIfIdle() {
        if isDraining && connectionCount == 0 && awaited == 0 { stop() }
    }

    /// A newcomer is refused, by whoever has reported why.
    func countRefusal(_ reason: Refusal) {
        counters.connectionsRefused += 1
        // Changed in a copy: an access to the counters that lasts for a call would have every other one, and so each
        // message, checked for exclusivity.
        var refusals = counters.refusals
        refusals[reason] += 1
        counters.refusals = refusals
    }

    /// A newcomer is refused: counts and reports it.
    func noteRefusal(_ reason: Refusal, of peer: SocketAddress, _ detail: String? = nil) {
        countRefusal(reason)
        let isLimit = reason == .connectionLimit || reason == .addressLimit
        report(isLimit ? .connectionLimit : .connectionRefused, "refused \(peer): \(detail ?? reason.description)")
    }

    // MARK: Reports

    /// A callback of this source has returned: was it slow, and is it measured?
    @inline(__always)
    func callbackReturned(from source: EventSource) {
        let ticks = ticks()
        if callbackClock.needsCloserLook(ticks) { judgeCallback(ticks, named: source.reportName) }
        callbackClock.last = ticks
    }

    /// A callback without a source has returned: was it slow, and is it measured?
    @inline(__always)
    func callbackReturned(named name: @autoclosure () -> String) {
        let ticks = ticks()
        if callbackClock.needsCloserLook(ticks) { judgeCallback(ticks, named: name()) }
        callbackClock.last = ticks
    }

    @inline(never)
    private func judgeCallback(_ ticks: UInt64, named name: @autoclosure () -> String) {
        if callbackClock.isMeasuring {
            counters.callbackTimes.add(nanoseconds: callbackClock.nanosecondsOfCallback(until: ticks))
        }
        guard callbackClock.mayHaveBeenSlow(ticks) else { return }
        callbackClock.adjust(ticks, now: kernel.now())
        let time = callbackClock.nanosecondsOfCallback(until: ticks)
        guard time >= slowCallbackThreshold.wholeNanoseconds else { return }
        counters.slowCallbacks += 1
        report(.slowCallback, "\(name()) kept the loop waiting for \(time / 1_000_000) ms")
    }

    /// Reports, unless the same kind was reported within the last second.
    func report(_ kind: LoopReport.Kind, _ text: @autoclosure () -> String) {
        guard let onReport else { return }
        let time = kernel.now()
        if let last = lastReports[kind.number], time < last + 1_000_000_000 { return }
        lastReports[kind.number] = time
        onReport(LoopReport(kind: kind, description: text()))
    }
}
