// One side of a relay: the handler of one of its two connections. Relay.swift draws the states.

/// The handler of a relayed connection, which forwards to the other one.
final class RelaySide: ConnectionHandler {
    let own: Connection
    let other: Connection
    var relay: Relay?
    /// The handler before the relay: called once more, when the connection closes.
    var former: HandlerBox?
    /// The number of bytes given to the other side.
    var count = 0
    var reason: CloseReason?

    init(own: Connection, other: Connection) {
        self.own = own
        self.other = other
    }

    /// Whether this side's stream ended and was forwarded, and the connection ended with it.
    var isComplete: Bool { reason?.kind == .ended && own.state.contains(.ended) }

    // MARK: Beginning

    /// Becomes the connection's handler.
    func takeOver() { own.becomeRelayed(self) }

    /// Forwards input that the former handler's framing has not delivered, and begins to read.
    func begin() {
        guard own.state.isOpen else { return }
        own.resumeForRelay()
        // While the framing delivers a message, its buffer is in use: its rest follows in the next turn.
        if own.state.contains(.gathering) && adapter != nil { own.holdInput() } else { giveUndelivered() }
        pauseIfFull()
        if own.state.contains(.ended) { other.closeWrite() }
    }

    private var adapter: HandlerAdapter? { former?.untraced as? HandlerAdapter }

    private func giveUndelivered() {
        guard let rest = adapter?.takeUndelivered() else { return }
        rest.withFirst { give($0) }
        own.loop.recycle(rest)
    }

    func resumed(_ connection: Connection) { giveUndelivered() }

    // MARK: Forwarding

    /// Forwards bytes, and pauses reading if the other side has enough of them.
    func give(_ bytes: RawSpan) {
        guard !bytes.isEmpty, other.forward(bytes) else { return }
        count &+= bytes.byteCount
        pauseIfFull()
    }

    private func pauseIfFull() {
        if other.queuedWeight > other.limits.high {
            other.state.insert(.owesDrained)
            own.pauseForRelay()
        }
    }

    func received(_ bytes: RawSpan, on connection: Connection) { give(bytes) }

    func ended(_ connection: Connection) { other.closeWrite() }

    func drained(_ connection: Connection) { other.endRelayPause() }

    /// Lets the pair finish until the drain's deadline.
    func draining(_ connection: Connection) {}

    // MARK: Time and end

    /// Returns the time at which a byte last moved on the other side.
    func activityOfOther(_ now: MonotonicTime) -> MonotonicTime {
        if !other.isClosed { other.noteAcknowledged(now) }
        return other.lastActivity
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        own.state.remove(.relayed)
        if let former {
            self.former = nil
            former.untraced.closed(connection, reason: reason)
        }
        relay?.sideClosed(self, reason)
        relay = nil
    }

    /// Ends the other side, because this one has ended, unless it is finishing by itself.
    func endOther(_ reason: CloseReason) {
        guard !other.isClosed else { return }
        switch reason.kind {
        case .ended where other.state.contains(.ended): break  // both streams ended: it closes after its queue
        case .ended, .closed: other.close()
        case .idle: other.terminate(CloseReason(.idle))
        default:
            // Complete, if all of this side's stream was forwarded.
            if own.state.contains(.ended) { other.close() } else { other.abort() }
        }
    }
}
