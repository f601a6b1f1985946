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
        if state.contains(.queued) { next = min(next, lastProgress + limits.writeStall) }
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
        if state.contains(.heldByRate) { lastProgress = now }
        if state.contains(.lingering) {
            if now >= deadline { return lingered() }
        } else if state.contains(.queued) && now >= lastProgress + limits.writeStall {
            return terminate(CloseReason(.writeStalled))
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
