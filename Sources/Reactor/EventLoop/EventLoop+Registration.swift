// Registering and deregistering sources, redispatching them, and the loop's reports.

import SystemPackage

extension EventLoop {
    /// Checks that the loop is alive and that its selector can take a descriptor of this number.
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
        // The kernel reused the number, so the descriptor that was registered under it has been closed by other code.
        if let former = registry.source(of: source.fd) { loseDescriptor(of: former) }
        registry.add(source, wanting: interest)
    }

    /// Deregisters and ends a source whose descriptor was closed by other code. The number is not touched any more: it
    /// may belong to another file.
    @inline(never)
    func loseDescriptor(of source: EventSource) {
        deregister(source, closesAlone: false)
        source.descriptorLost()
    }

    @inline(__always)
    func setInterest(_ interest: Interest, of source: EventSource) { registry.setInterest(interest, of: source) }

    /// Ends a registration. The source receives no more events, not even one that was found already.
    func deregister(_ source: EventSource, closesAlone: Bool) {
        // A forked child has a duplicate of every socket: closing ours would leave it in the epoll set.
        let alone = closesAlone && kernel.forkCount() == forksAtStart
        registry.remove(source, from: selector, closesAlone: alone)
    }

    /// Redispatches a source in the next turn, even if no selector reports it.
    func redispatch(at source: EventSource, _ readiness: Readiness) {
        // One entry per source: otherwise an edge in each turn would add an entry to each turn, and every entry reads a
        // full budget.
        if source.readyAgain.isEmpty { readyAgain.append(ReadyEvent(token: source.token, readiness: readiness)) }
        source.readyAgain.formUnion(readiness)
    }

    func treatAsAlwaysReady(_ source: EventSource) {
        // The selector refuses it again at each change of its interest.
        if alwaysReady.contains(where: { $0 === source }) { return }
        alwaysReady.append(source)
        hasAlwaysReady = true
    }

    /// Counts a connection that closed while draining, and stops the loop if it was the last one.
    func connectionFinished() {
        guard isDraining && !isStopping else { return }
        counters.drainsFinished += 1
        endDrainIfIdle()
    }

    /// Stops a draining loop that has nothing left to wait for.
    func endDrainIfIdle() {
        if isDraining && connectionCount == 0 && awaited == 0 { stop() }
    }

    /// Counts a refused connection whose reason has already been reported.
    func countRefusal(_ reason: Refusal) {
        counters.connectionsRefused += 1
        // Changed in a copy: an access to the counters that spans a call would give every other access, and so every
        // message, an exclusivity check.
        var refusals = counters.refusals
        refusals[reason] += 1
        counters.refusals = refusals
    }

    /// Counts and reports a refused connection.
    func noteRefusal(_ reason: Refusal, of peer: SocketAddress, _ detail: String? = nil) {
        countRefusal(reason)
        let isLimit = reason == .connectionLimit || reason == .addressLimit
        report(isLimit ? .connectionLimit : .connectionRefused, "refused \(peer): \(detail ?? reason.description)")
    }

    // MARK: Reports

    /// Checks whether a source's callback, which has just returned, was slow, and measures it if asked to.
    @inline(__always)
    func callbackReturned(from source: EventSource) {
        let ticks = ticks()
        if callbackClock.needsCloserLook(ticks) { judgeCallback(ticks, named: source.reportName) }
        callbackClock.last = ticks
    }

    /// Checks whether a callback without a source, which has just returned, was slow, and measures it if asked to.
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
