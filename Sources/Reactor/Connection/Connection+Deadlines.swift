// The deadlines of a connection, all on one timer. They cost nothing per message: when the timer fires, it compares the
// times of the last events and is set again.

extension Connection {
    /// The interval in nanoseconds at which a paused connection is polled where the selector does not report hang-ups.
    static let probeNanoseconds: Int64 = 1_000_000_000
    /// The delay in nanoseconds before a send that found no memory is retried.
    static let bufferRetryNanoseconds: Int64 = 10_000_000

    /// Sets a deadline for a complete message, which single bytes do not extend. At the deadline the connection is
    /// closed with ``CloseReason/Kind/messageTimeout``.
    ///
    /// A handler that parses messages calls this in ``ConnectionHandler/connected(_:)``, and ``messageArrived()`` for
    /// each complete message. Without it, the first bytes count as the first message. A framing does both by itself.
    /// - Parameter time: the time until the deadline, from the beginning of this turn.
    public func expectMessage(within time: Duration) {
        guard state.isOpen else { return }
        state.remove(.awaitsFirstBytes)
        state.insert(.awaitsMessage)
        deadline = loop.turnTime + time.wholeNanoseconds
        armDeadline(deadline)
    }

    /// Applies the deadline of the first message to a complete one, counted from the beginning of the connection.
    func expectCompleteFirstMessage() {
        guard state.contains(.awaitsFirstBytes) else { return }
        state.remove(.awaitsFirstBytes)
        state.insert(.awaitsMessage)
    }

    /// Notes that a complete message has arrived, which meets the deadline of ``expectMessage(within:)``.
    public func messageArrived() { state.remove(.awaitsMessage) }

    /// Starts the timer: when the connection begins, and when its limits were replaced.
    func startDeadlines() { armDeadline(nextDeadline) }

    /// Makes the timer fire at `time` or earlier.
    func armDeadline(_ time: MonotonicTime) {
        guard time < .never, !state.isClosed else { return }
        if timerTime <= time { return }
        loop.timers.cancel(timer)
        timer = loop.timers.schedule(at: time, .source(self))
        timerTime = time
    }

    private var isAwaitingMessage: Bool {
        state.isOpen && !state.isDisjoint(with: [.awaitsFirstBytes, .awaitsMessage])
    }

    /// The next time at which a deadline may have passed.
    private var nextDeadline: MonotonicTime {
        if state.contains(.lingering) { return deadline }
        var next = lastActivity + limits.idleNanoseconds
        if isAwaitingMessage { next = min(next, deadline) }
        // Later sends do not arm the timer, so one check within the stall time is needed anyway.
        let isWaiting = !state.isDisjoint(with: [.queued, .unacknowledged])
        next = min(next, loop.turnTime + (isWaiting ? limits.progressCheckNanoseconds : limits.writeStallNanoseconds))
        if isRegistered && !loop.capabilities.reportsHangUp && loop.registry.interest(of: self).isEmpty {
            next = min(next, loop.turnTime + Self.probeNanoseconds)
        }
        return next
    }

    /// Handles the timer: closes the connection if a deadline has passed, and otherwise sets the timer for the next.
    func checkDeadlines() {
        guard !state.isClosed else { return }
        timer = .none
        timerTime = .never
        let now = loop.turnTime
        // A delay caused by this side's own rate limit is not held against the peer.
        if !state.isDisjoint(with: [.pausedByRate, .heldByRate]) { lastActivity = now }
        noteAcknowledged(now)
        if state.contains(.heldByRate) { lastProgress = now }
        // A relay is idle when both of its sides are.
        if let relaySide { lastActivity = max(lastActivity, relaySide.activityOfOther(now)) }
        if state.contains(.lingering) {
            if now >= deadline && !lingersOn(now) { return }
        } else if isStalled(now) {
            return terminate(CloseReason(.writeStalled), losesOutput: true)
        } else if isAwaitingMessage && now >= deadline {
            return terminate(CloseReason(.messageTimeout))
        } else if now >= lastActivity + limits.idleNanoseconds {
            return terminate(CloseReason(.idle))
        }
        if state.contains(.outOfBuffers) {
            state.remove(.outOfBuffers)
            flushUnflushed()
        }
        if !loop.capabilities.reportsHangUp { probe() }
        armDeadline(nextDeadline)
    }

    // MARK: Progress

    /// Asks the kernel how much the peer has acknowledged; a change since the last check is progress.
    func noteAcknowledged(_ now: MonotonicTime) {
        guard sentCount != acknowledgedCount else { return }
        if state.contains(.plain) { return acknowledgedCount = sentCount }  // nothing acknowledges what a pipe took
        let left = loop.kernel.unacknowledged(of: fd)
        guard left.succeeded else {  // unknown: what the kernel accepts counts as progress
            state.remove(.unacknowledged)
            return
        }
        let acknowledged = sentCount - left.rawValue
        // Not "more than": the units of a Unix socket are not bytes.
        let hasAdvanced = acknowledged != acknowledgedCount
        let wasWaiting = state.contains(.unacknowledged)
        acknowledgedCount = acknowledged
        // Output sent after a check that found nothing outstanding may be recent.
        if hasAdvanced || !wasWaiting { lastProgress = now }
        if left.rawValue > 0 {
            state.insert(.unacknowledged)
            if hasAdvanced { lastActivity = now }
        } else {
            state.remove(.unacknowledged)
            if wasWaiting { lastActivity = now }
        }
    }

    /// Returns whether output has made no progress for too long. The peer of a Unix socket whose receive buffer holds
    /// everything may take its time: if it were gone, the socket would report it.
    private func isStalled(_ now: MonotonicTime) -> Bool {
        guard state.contains(.queued) || state.contains(.unacknowledged) && !peer.isUnix else { return false }
        return now >= lastProgress + limits.writeStallNanoseconds
    }

    /// The interval in nanoseconds at which the acknowledgement of the last bytes is checked while lingering.
    var lingerCheckNanoseconds: Int64 {
        max(Self.bufferRetryNanoseconds, min(limits.lingerNanoseconds, limits.progressCheckNanoseconds))
    }

    /// Decides whether to keep lingering at its deadline: a peer that keeps acknowledging output is waited for, with the
    /// patience of the write stall. The linger time replaces it without a stall limit, and when the peer has used up
    /// ``Limits/lingerBytes``: two connections of which neither reads until the other does would otherwise hold each other
    /// for a whole stall. Returns `false` when the connection has ended.
    private func lingersOn(_ now: MonotonicTime) -> Bool {
        guard state.contains(.unacknowledged) && !peer.isUnix else {
            lingered()
            return false
        }
        let isInputUsedUp = lingerBytesLeft <= 0
        let patience =
            isInputUsedUp || limits.writeStallNanoseconds == .max
            ? limits.lingerNanoseconds : limits.writeStallNanoseconds
        guard now < lastProgress + patience else {
            if isInputUsedUp { lingered() } else { terminate(CloseReason(.writeStalled), losesOutput: true) }
            return false
        }
        deadline = now + lingerCheckNanoseconds
        return true
    }

    /// Polls a connection without interest for a reset, for selectors that do not report it.
    private func probe() {
        guard isRegistered, loop.registry.interest(of: self).isEmpty else { return }
        var entry = [PollEntry(descriptor: fd.rawValue, events: 0)]
        var span = entry.mutableSpan
        guard loop.kernel.poll(&span, timeout: .none).rawValue > 0 else { return }
        let found = Readiness(rawValue: UInt16(bitPattern: span[0].found))
        if found.contains(.invalid) { loop.loseDescriptor(of: self) } else { ready(found) }
    }
}
