// How a connection takes part in a relay: forwarding bytes to the other side at once, and pausing for its pressure.

extension Connection {
    /// Relays bytes between this connection and another until both streams have ended.
    ///
    ///     client.relay(to: server) { result in print(result) }
    ///
    /// Whatever one side receives is sent to the other. Both connections belong to the same loop and may be accepted or
    /// outgoing, TCP or Unix sockets, with any limits, rates and selector.
    ///
    /// ## Handlers
    ///
    /// The relay replaces the handlers of both connections. From now on they are called only once more, with
    /// ``ConnectionHandler/closed(_:reason:)``. Pauses and held input of both connections end; a deadline for a message
    /// is dropped. Input that a framing has received and not delivered yet is relayed first; a handler that keeps input
    /// of its own passes it in `first`.
    ///
    /// ## Backpressure
    ///
    /// Reading from a side pauses while the *other* side's queued output is above ``Limits/outputHighWatermark``, until
    /// it is at or below ``Limits/outputLowWatermark``. A side queues at most its high watermark and one receive of
    /// 64 KiB, whatever its ``Limits/outputLimit``.
    ///
    /// ## Ends
    ///
    /// The end of one side's stream half-closes the other after its queued output (``closeWrite()``), and once both
    /// have ended, both connections close with ``CloseReason/Kind/ended``. If one connection ends otherwise, so does
    /// the other: it is closed after its queued output if the stream that it was sending is complete, and reset if not,
    /// so that its peer does not mistake a truncated stream for a complete one. ``close()`` of one side closes the other
    /// as well, and the idle time of either ends both.
    ///
    /// ``Limits/idleTime`` counts traffic in either direction of the pair; ``Limits/writeStallTime`` applies to each
    /// side. While the loop drains, the relay goes on until the drain's deadline.
    ///
    /// - Parameters:
    ///   - other: the other connection. Neither may be part of a relay already.
    ///   - first: bytes that were received from this connection earlier and are to be sent first.
    ///   - completed: called exactly once, when both connections have closed and their handlers were called; never
    ///     inside this call.
    /// - Returns: The relay, which counts the bytes.
    @discardableResult
    public func relay(
        to other: Connection, first: [UInt8] = [], completed: @escaping (RelayResult) -> Void = { _ in }
    ) -> Relay {
        precondition(other !== self && other.loop === loop, "a relay needs two connections of one loop")
        precondition(
            !state.contains(.relayed) && !other.state.contains(.relayed), "a connection is part of one relay at most")
        let relay = Relay(self, other, completed)
        relay.start(first: first)
        return relay
    }

    /// This connection's part in a relay.
    var relaySide: RelaySide? {
        // Safe: `box` is retained while it is not nil.
        guard state.contains(.relayed), let box = unsafe box else { return nil }
        return unsafe box._withUnsafeGuaranteedRef { $0.user as? RelaySide }
    }

    /// Makes a side of a relay the connection's handler; the side keeps the former one alive and makes its last call.
    func becomeRelayed(_ side: RelaySide) {
        state.formUnion([.relayed, .reportsPressureOnly])
        state.subtract([.awaitsFirstBytes, .awaitsMessage])
        // Safe: takes over the reference that `setHandler` retained. The side holds it until `closed`, because the former
        // handler's callback may be running.
        side.former = unsafe box?.takeRetainedValue()
        setHandler(side)
    }

    /// Ends every pause and hold of the former handler.
    func resumeForRelay() {
        state.subtract([.pausedByUser, .pausedByPressure, .holdsInput])
        readingResumed()
    }

    /// Pauses reading while the other side's output is above its high watermark.
    func pauseForRelay() {
        guard state.isOpen && !state.contains(.pausedByPressure) else { return }
        state.insert(.pausedByPressure)
        loop.counters.pressurePauses += 1
        updateInterest()
    }

    /// Resumes reading, because the other side's output is at or below its low watermark.
    func endRelayPause() {
        guard state.contains(.pausedByPressure) else { return }
        state.remove(.pausedByPressure)
        readingResumed()
    }

    /// Sends bytes of the other side at once if nothing is queued before them, and queues the rest. The reader pauses
    /// for what is queued, so no limit applies here.
    ///
    /// - Returns: Whether the bytes were taken; `false` when this side's stream has ended.
    func forward(_ bytes: RawSpan) -> Bool {
        guard state.isDisjoint(with: .keepsFromWriting) else { return false }
        if state.intersection([.gathering, .queued]) == .gathering {
            sendGathered()
            if state.isClosed { return false }
        }
        var sent = 0
        if state.isDisjoint(with: [.queued, .limitsWriting]) {
            guard let taken = judgeSend(retryingInterrupts { loop.kernel.send(fd, bytes) }) else { return false }
            if taken == bytes.byteCount { return true }
            sent = taken
        }
        openQueue().append(bytes.extracting(sent...))
        noteForwarded()
        return true
    }

    /// Adjusts what depends on the queue, as ``settle()`` does, without calling a handler.
    private func noteForwarded() {
        if queuedWeight > limits.high { state.insert(.owesDrained) }
        if state.contains(.limitsWriting) { flushInNextTurn() }
        armDeadline(lastProgress + limits.progressCheckNanoseconds)
        updateInterest()
    }
}
