// What a loop reports and counts about its own work: slow callbacks, refused connections, and the rate limit of reports.

extension EventLoop {
    // MARK: Callbacks

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

    // MARK: Refused connections

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

    /// Reports, unless the same kind was reported within the last second.
    func report(_ kind: LoopReport.Kind, _ text: @autoclosure () -> String) {
        guard let onReport else { return }
        let time = kernel.now()
        if let last = lastReports[kind.number], time < last + 1_000_000_000 { return }
        lastReports[kind.number] = time
        onReport(LoopReport(kind: kind, description: text()))
    }
}
