// How a connection ends. Invariant 4: deregister, close, then `closed`, exactly once and last. The descriptor is closed
// and `closed` called at the end of the turn, from the loop's list of closings, so that code that is running may still
// use the connection; its events stop at once, because its registration is gone.

import SystemPackage

extension Connection {
    /// Closes the connection after sending its queued output. Input that still arrives is discarded.
    ///
    /// If the peer may still be sending, the connection lingers for at most ``Limits/lingerTime``, so that the last
    /// bytes reach it. ``ConnectionHandler/closed(_:reason:)`` is called at the end of all this.
    public func close() {
        guard state.isOpen else { return }
        state.insert(.closing)
        closeReason = CloseReason(state.contains(.ended) ? .ended : .closed)
        state.remove(.limitsReading)  // discarded input needs no rate limit
        if !state.isDisjoint(with: .pausesReading) {
            state.subtract(.pausesReading)
            readingResumed()
        }
        askForFlush()
    }

    /// Resets the connection now: queued output is lost, and the peer sees an error (RFC 9293, 3.5.2). A Unix socket
    /// has no reset: its peer sees the end of the stream, or an error if its own last bytes were not read.
    public func abort() {
        guard !state.isClosed else { return }
        _ = loop.kernel.setResetOnClose(fd)
        terminate(CloseReason(.aborted))
    }

    /// Ends the connection at the deadline of a drain. It is reset, so that the peer does not mistake a truncated
    /// stream for a complete one, unless it is only lingering.
    ///
    /// - Returns: Whether it was reset.
    func abortAfterDraining() -> Bool {
        guard !state.isClosed else { return false }
        let isReset = !state.contains(.lingering)
        terminate(CloseReason(.loopEnded), losesOutput: isReset)
        return isReset
    }

    /// Half-closes the connection: sends its queued output, then ends this side's stream (shutdown(2), `SHUT_WR`). The
    /// peer may keep sending.
    public func closeWrite() {
        guard state.isDisjoint(with: .keepsFromWriting) else { return }
        state.insert(.closingWrite)
        askForFlush()
    }

    /// Ends this side's stream, once the queue is empty after ``closeWrite()``.
    func shutdownWriting() {
        state.remove(.closingWrite)
        state.insert(.writeClosed)
        _ = loop.kernel.shutdownWriting(fd)
        if state.contains(.ended) { terminate(CloseReason(.ended)) }
    }

    /// Lingers or closes, once the queue is empty after ``close()``.
    func lingerOrClose() {
        // Nothing can be lost if the peer has ended its stream, or was sent nothing.
        if state.contains(.ended) || sentCount == 0 || limits.lingerNanoseconds <= 0 { return lingered() }
        if !state.contains(.writeClosed) { _ = loop.kernel.shutdownWriting(fd) }
        state.remove(.closing)
        state.formUnion([.lingering, .writeClosed])
        lingerBytesLeft = Int32(clamping: limits.lingerBytes)
        deadline = loop.turnTime + limits.lingerNanoseconds
        armDeadline(deadline)
    }

    /// Stops discarding input when the limit is reached. Closing with unread input resets the connection, which would
    /// destroy output that the peer has not acknowledged yet: until it has, reading stays paused.
    @inline(never)
    func endLingerInput() {
        noteAcknowledged(loop.turnTime)
        guard state.contains(.unacknowledged) && !peer.isUnix else { return lingered() }
        state.insert(.pausedByUser)
        updateInterest()
        deadline = loop.turnTime + lingerCheckNanoseconds
        armDeadline(deadline)
    }

    /// Closes for the reason noted when `close()` was called: lingering is over, or was not necessary.
    func lingered() { terminate(closeReason ?? CloseReason(.closed)) }

    /// Ends the connection now; the descriptor is closed at the end of the turn.
    ///
    /// If output is lost, the connection is reset: an ordinary close would let the peer take a truncated stream for a
    /// complete one.
    @inline(never)
    func terminate(_ reason: CloseReason, losesOutput: Bool = false) {
        guard !state.isClosed else { return }
        if descriptor != nil && (losesOutput || state.contains(.queued)) { _ = loop.kernel.setResetOnClose(fd) }
        state.subtract([.closing, .lingering, .queued, .closingWrite])
        state.formUnion([.closed, .writeClosed])
        closeReason = reason
        dropQueue()
        if !loop.rateMeters.isEmpty { endRates() }
        loop.timers.cancel(timer)
        if isRegistered { loop.deregister(self, closesAlone: !state.contains(.descriptorShared)) }
        loop.closing.append(self)
    }

    /// Closes the descriptor and calls `closed`, at the end of the turn in which the connection ended.
    func closeDescriptor() {
        descriptor.take()?.close(loop.kernel)
        loop.counters.connectionsClosed += 1
        owner?.connectionClosed(self)
        owner = nil
        if state.contains(.owesFileOutcome) { deliverFileOutcomes() }
        if !loop.sourceTasks.isEmpty { loop.sourceTasks.cancel(of: self) }
        deliverClosed(closeReason ?? CloseReason(.closed))
        loop.connectionFinished()
    }
}
