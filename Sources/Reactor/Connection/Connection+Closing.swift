// How a connection ends. Invariant 4: deregister, close, then `closed`, exactly once and last. The descriptor is closed
// and the handler told at the end of the turn, from the loop's list of closings, so that whatever runs now may go on to
// use the connection; its events stop at once, because its registration is gone.

import SystemPackage

extension Connection {
    /// Sends what is queued, then closes. What still comes in is thrown away.
    ///
    /// If the peer may still be sending, the connection lingers within ``Limits/lingerTime``, so that the last bytes
    /// reach it. ``ConnectionHandler/closed(_:reason:)`` comes at the end of all this.
    public func close() {
        guard state.isOpen else { return }
        state.insert(.closing)
        closeReason = CloseReason(state.contains(.ended) ? .ended : .closed)
        state.remove(.limitsReading)  // what is thrown away needs no rate
        if !state.isDisjoint(with: .pausesReading) {
            state.subtract(.pausesReading)
            readingResumed()
        }
        askForFlush()
    }

    /// Resets the connection now: what is queued is lost, and the peer sees an error (RFC 9293, 3.5.2). A Unix socket knows
    /// no reset: its peer sees the end of the stream, or an error if it had sent what was not read.
    public func abort() {
        guard !state.isClosed else { return }
        _ = loop.kernel.setResetOnClose(name)
        terminate(CloseReason(.aborted))
    }

    /// Ends the connection because the time for draining is over: resets it, so that no peer takes a cut stream for a
    /// whole one, unless only its farewell is left.
    ///
    /// - Returns: Whether it was reset.
    func abortAfterDraining() -> Bool {
        guard !state.isClosed else { return false }
        let isReset = !state.contains(.lingering)
        terminate(CloseReason(.loopEnded), losesOutput: isReset)
        return isReset
    }

    /// Sends what is queued, then ends this side's stream; the peer may go on sending (half-close).
    public func finish() {
        guard state.isDisjoint(with: .keepsFromWriting) else { return }
        state.insert(.finishing)
        askForFlush()
    }

    /// The queue is empty after ``finish()``.
    func shutdownWriting() {
        state.remove(.finishing)
        state.insert(.finished)
        _ = loop.kernel.shutdownWriting(name)
        if state.contains(.ended) { terminate(CloseReason(.ended)) }
    }

    /// The queue is empty after ``close()``.
    func lingerOrClose() {
        // Nothing can be lost where the peer has ended, or where it was sent nothing.
        if state.contains(.ended) || sentCount == 0 || limits.linger <= 0 { return lingered() }
        if !state.contains(.finished) { _ = loop.kernel.shutdownWriting(name) }
        state.remove(.closing)
        state.formUnion([.lingering, .finished])
        lingerBytesLeft = Int32(clamping: limits.lingerBytes)
        deadline = loop.turnTime + limits.linger
        armDeadline(deadline)
    }

    /// As much input was thrown away as may be. Closing with unread input resets the connection, which would destroy what
    /// the peer has not acknowledged yet: until it has, nothing more is read.
    @inline(never)
    func endLingerInput() {
        noteAcknowledged(loop.turnTime)
        guard state.contains(.unacknowledged) && !peer.isUnix else { return lingered() }
        state.insert(.pausedByUser)
        updateInterest()
        deadline = loop.turnTime + lingerCheck
        armDeadline(deadline)
    }

    /// The lingering is over, or there was no need of it: closes for the reason that was given when it began.
    func lingered() { terminate(closeReason ?? CloseReason(.closed)) }

    /// Ends the connection now. The rest follows at the end of the turn.
    ///
    /// Where output is lost, the connection is reset: a plain close would let the peer take what it has for the whole.
    @inline(never)
    func terminate(_ reason: CloseReason, losesOutput: Bool = false) {
        guard !state.isClosed else { return }
        if descriptor != nil && (losesOutput || state.contains(.queued)) { _ = loop.kernel.setResetOnClose(name) }
        state.subtract([.closing, .lingering, .queued, .finishing])
        state.formUnion([.closed, .finished])
        closeReason = reason
        dropQueue()
        if !loop.rateMeters.isEmpty { endRates() }
        loop.timers.cancel(timer)
        if isRegistered { loop.deregister(self, closesAlone: !state.contains(.descriptorShared)) }
        loop.closing.append(self)
    }

    /// The end of the turn in which the connection ended.
    func closeDescriptor() {
        descriptor.take()?.close(loop.kernel)
        loop.counters.connectionsClosed += 1
        owner?.connectionClosed(self)
        owner = nil
        if state.contains(.owesFileOutcome) { deliverFileOutcomes() }
        deliverClosed(closeReason ?? CloseReason(.closed))
        loop.connectionFinished()
    }
}
