// Rate limits. They cost a connection without one nothing: the states `limitsReading` and `limitsWriting` divert the
// others from the fast paths, in tests that are made anyway.
//
//     reading:  as far as tokens go --none left--> pausedByRate --tick--> reading again
//     writing:  everything is queued, sent as far as tokens go --none left--> heldByRate --tick--> sending again

import SystemPackage

extension Connection {
    /// The rate limit of reading, beyond which the peer has to wait. Default: ``Limits/readRate``.
    ///
    /// A new limit takes effect at once and begins with a full burst; `nil` removes it.
    public var readRate: RateLimit? {
        get { meter(.reading)?.bucket?.limit }
        set { changeRate(.reading) { $0.bucket = newValue.map { TokenBucket($0, now: loop.turnTime) } } }
    }

    /// The rate limit of sending, beyond which output is queued, within the output limits. Default:
    /// ``Limits/writeRate``.
    ///
    /// A new limit takes effect at once and begins with a full burst; `nil` removes it. The deadline for output without
    /// progress does not run while this limit holds output back.
    public var writeRate: RateLimit? {
        get { meter(.writing)?.bucket?.limit }
        set { changeRate(.writing) { $0.bucket = newValue.map { TokenBucket($0, now: loop.turnTime) } } }
    }

    /// A rate limit of reading that this connection shares with others, besides its own. Default: `nil`.
    public var readGroup: RateGroup? {
        get { meter(.reading)?.group }
        set { changeRate(.reading) { $0.join(newValue) } }
    }

    /// A rate limit of sending that this connection shares with others, besides its own. Default: `nil`.
    public var writeGroup: RateGroup? {
        get { meter(.writing)?.group }
        set { changeRate(.writing) { $0.join(newValue) } }
    }

    /// Applies the rate limits of its ``Limits``, when the connection begins.
    func startRates() {
        if let rate = limits.readRate { readRate = rate }
        if let rate = limits.writeRate { writeRate = rate }
    }

    // MARK: Meters

    private func meter(_ direction: RateMeter.Direction) -> RateMeter? {
        guard let meters = loop.rateMeters[fd.rawValue] else { return nil }
        return direction == .reading ? meters.reading : meters.writing
    }

    /// Changes a limit, and continues what the old one held back.
    private func changeRate(_ direction: RateMeter.Direction, _ change: (RateMeter) -> Void) {
        guard !state.isClosed else { return }
        // The running handler's writes so far fall under the old limit.
        if direction == .writing && state.contains(.gathering) { sendGathered() }
        guard !state.isClosed else { return }
        let meter = meter(direction) ?? RateMeter(self, direction)
        change(meter)
        precondition(meter.group == nil || meter.group?.loop === loop, "a group of rates belongs to one loop")
        setMeter(meter.isUnlimited ? nil : meter, direction)
        let limited: ConnectionState = direction == .reading ? .limitsReading : .limitsWriting
        if meter.isUnlimited || (direction == .reading && !state.isOpen) {
            state.remove(limited)
        } else {
            state.insert(limited)
        }
        continueAfterRate(direction)
        // An edge may have come while the other read path was in use.
        if direction == .reading { readingResumed() }
    }

    private func setMeter(_ meter: RateMeter?, _ direction: RateMeter.Direction) {
        var meters = loop.rateMeters[fd.rawValue] ?? (nil, nil)
        if direction == .reading { meters.reading = meter } else { meters.writing = meter }
        loop.rateMeters[fd.rawValue] = meters.reading == nil && meters.writing == nil ? nil : meters
    }

    /// Ends the meters, because the connection has closed.
    func endRates() {
        guard let meters = loop.rateMeters.removeValue(forKey: fd.rawValue) else { return }
        meters.reading?.end()
        meters.writing?.end()
    }

    /// Continues what a rate limit held back.
    func continueAfterRate(_ direction: RateMeter.Direction) {
        switch direction {
        case .reading:
            guard state.contains(.pausedByRate) else { return }
            state.remove(.pausedByRate)
            lastActivity = loop.turnTime  // this side caused the silence
            readingResumed()
        case .writing:
            guard state.contains(.heldByRate) else { return }
            state.remove(.heldByRate)
            lastProgress = loop.turnTime
            flushInNextTurn()
        }
    }

    // MARK: Reading

    /// Receives as far as the tokens go, within the budget of a turn.
    @inline(never)
    func readLimited(_ readiness: Readiness) {
        var receivesLeft = limits.receivesPerTurn
        var bytesLeft = limits.bytesReceivedPerTurn
        while receivesLeft > 0 && bytesLeft > 0 {
            guard state.wantsToRead, let meter = meter(.reading) else { break }
            let allowed = min(meter.allowance(), bytesLeft, loop.receiveBuffer.capacity)
            if allowed == 0 {
                state.insert(.pausedByRate)
                updateInterest()
                return meter.wait()
            }
            let mayHoldMore = !state.isDisjoint(with: [.plain, .takesDescriptors])
            let result =
                mayHoldMore
                ? receiveOffFastPath(atMost: allowed)
                : retryingInterrupts { loop.receive(from: fd, atMost: allowed) }
            // Before the handler runs: it may change the limit.
            if result.rawValue > 0 { meter.take(result.rawValue) }
            let count = take(result)
            if count == 0 || (count < allowed && !mayHoldMore && readiness.isDisjoint(with: Self.saysMore)) { return }
            receivesLeft -= 1
            bytesLeft -= count
        }
        if loop.isEdgeTriggered && state.wantsToRead { loop.redispatch(self, readiness) }
    }

    // MARK: Writing

    /// Returns the number of bytes that may be sent now.
    func writeAllowance() -> Int {
        state.contains(.limitsWriting) ? meter(.writing)?.allowance() ?? .max : .max
    }

    /// Takes tokens for queued bytes that were sent, and waits for more if output is left.
    func noteSentUnderLimit(_ count: Int) {
        guard let meter = meter(.writing) else { return }
        if count > 0 { meter.take(count) }
        guard state.contains(.queued), meter.allowance() == 0 else { return }
        state.insert(.heldByRate)
        meter.wait()
    }
}
