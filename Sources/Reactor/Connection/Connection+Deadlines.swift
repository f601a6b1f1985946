// The deadlines of a connection, all on one timer. A message costs none of it: when the timer fires, it looks at when
// something last happened and is set anew.

extension Connection {
    /// How often a paused connection is looked at where the selector does not tell hang-ups.
    static let probeInterval: Int64 = 1_000_000_000
    /// When a send that found no memory is tried again.
    static let bufferRetryInterval: Int64 = 10_000_000

    /// Expects a complete message within this time, whatever bytes drip in meanwhile; the connection is closed with
    /// ``CloseReason/Kind/messageTimeout`` otherwise.
    ///
    /// A handler that parses messages calls this in ``ConnectionHandler/connected(_:)``, and ``messageArrived()`` for
    /// each complete one. Without it, the first bytes count as the first message. With a framing, messages are counted
    /// without being asked.
    public func expectMessage(within time: Duration) {
        guard state.isOpen else { return }
        state.remove(.awaitsFirstBytes)
        state.insert(.awaitsMessage)
        deadline = loop.turnTime + time.wholeNanoseconds
        armDeadline(deadline)
    }

    /// Lets the deadline of the first message count for a complete one, from the beginning.
    func expectCompleteFirstMessage() {
        guard state.contains(.awaitsFirstBytes) else { return }
        state.remove(.awaitsFirstBytes)
        state.insert(.awaitsMessage)
    }

    /// A message is complete: the deadline of ``expectMessage(within:)`` is met.
    public func messageArrived() { state.remove(.awaitsMessage) }

    /// Sees to it that the timer fires when something may be too late: when the connection begins, and when its limits
    /// were replaced.
    func startDeadlines() { armDeadline(nextDeadline) }

    /// Makes sure that the timer fires at `time` or earlier.
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

    /// The next moment at which something may have taken too long.
    private var nextDeadline: MonotonicTime {
        if state.contains(.lingering) { return deadline }
        var next = lastActivity + limits.idle
        if isAwaitingMessage { next = min(next, deadline) }
        // What is sent from now on arms nothing, so one check within the time for a stall has to come anyway.
        let isWaiting = !state.isDisjoint(with: [.queued, .unacknowledged])
        next = min(next, loop.turnTime + (isWaiting ? limits.progressCheck : limits.writeStall))
        if isRegistered && !loop.capabilities.reportsHangUp && loop.registry.interest(of: self).isEmpty {
            next = min(next, loop.turnTime + Self.probeInterval)
        }
        return next
    }

    /// The timer fired: is anything too late, and if not, when might it be?
    func checkDeadlines() {
        guard !state.isClosed else { return }
        timer = .none
        timerTime = .never
        let now = loop.turnTime
        // What our own rate holds back is nobody's fault.
        if !state.isDisjoint(with: [.pausedByRate, .heldByRate]) { lastActivity = now }
        noteAcknowledged(now)
        if state.contains(.heldByRate) { lastProgress = now }
        if state.contains(.lingering) {
            if now >= deadline && !lingersOn(now) { return }
        } else if isStalled(now) {
            return terminate(CloseReason(.writeStalled), losesOutput: true)
        } else if isAwaitingMessage && now >= deadline {
            return terminate(CloseReason(.messageTimeout))
        } else if now >= lastActivity + limits.idle {
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

    /// Asks the kernel how much the peer has acknowledged; what is new since the last check is progress.
    func noteAcknowledged(_ now: MonotonicTime) {
        guard sentCount != acknowledgedCount else { return }
        let left = loop.kernel.unacknowledged(of: name)
        guard left.succeeded else {  // then what the kernel takes is progress
            state.remove(.unacknowledged)
            return
        }
        let acknowledged = sentCount - left.rawValue
        // Not "more than": the units of a Unix socket are not bytes.
        let hasAdvanced = acknowledged != acknowledgedCount
        let wasWaiting = state.contains(.unacknowledged)
        acknowledgedCount = acknowledged
        // What was sent after a check that found nothing outstanding may have been sent a moment ago.
        if hasAdvanced || !wasWaiting { lastProgress = now }
        if left.rawValue > 0 {
            state.insert(.unacknowledged)
            if hasAdvanced { lastActivity = now }
        } else {
            state.remove(.unacknowledged)
            if wasWaiting { lastActivity = now }
        }
    }

    /// Whether output has made no progress for too long. A Unix socket's peer that has everything in its receive buffer may
    /// take its time: it is there, or the socket would say so.
    private func isStalled(_ now: MonotonicTime) -> Bool {
        guard state.contains(.queued) || state.contains(.unacknowledged) && !peer.isUnix else { return false }
        return now >= lastProgress + limits.writeStall
    }

    /// How often it is checked whether a peer has acknowledged the last bytes.
    var lingerCheck: Int64 { max(Self.bufferRetryInterval, min(limits.linger, limits.progressCheck)) }

    /// The time for lingering is over. A peer that goes on acknowledging what was sent is waited for; without a limit for
    /// stalls, as long as it does so within that time. `false` when the connection has ended.
    private func lingersOn(_ now: MonotonicTime) -> Bool {
        guard state.contains(.unacknowledged) && !peer.isUnix else {
            lingered()
            return false
        }
        let patience = limits.writeStall == .max ? limits.linger : limits.writeStall
        guard now < lastProgress + patience else {
            terminate(CloseReason(.writeStalled), losesOutput: true)
            return false
        }
        deadline = now + lingerCheck
        return true
    }

    /// Looks whether a connection that nothing is asked about has been reset, for selectors that do not tell.
    private func probe() {
        guard isRegistered, loop.registry.interest(of: self).isEmpty else { return }
        var entry = [PollEntry(descriptor: name.rawValue, events: 0)]
        var span = entry.mutableSpan
        guard loop.kernel.poll(&span, timeout: .none).rawValue > 0 else { return }
        let found = Readiness(rawValue: UInt16(bitPattern: span[0].found))
        if found.contains(.invalid) { loop.loseDescriptor(of: self) } else { ready(found) }
    }
}
