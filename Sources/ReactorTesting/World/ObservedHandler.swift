// Stands between the framework and a handler, and sees to it that the framework keeps its word: the order of the calls,
// `closed` exactly once and last, and no call inside another.

public import Reactor

/// A handler that hands everything on to another one and watches the order of the calls.
public final class ObservedHandler: ConnectionHandler {
    /// The handler that does the work.
    public let base: any ConnectionHandler
    /// Whether ``ConnectionHandler/connected(_:)`` was called.
    public private(set) var wasConnected = false
    /// Whether the peer's end of stream was told.
    public private(set) var wasEnded = false
    /// Whether ``ConnectionHandler/draining(_:)`` was called.
    public private(set) var wasToldOfDraining = false
    /// Why the connection was closed; `nil` while it is not.
    public private(set) var reason: CloseReason?
    /// When it was closed.
    public private(set) var closedAt: MonotonicTime?
    /// Bytes that were received.
    public private(set) var receivedCount = 0
    /// How the framework broke its word, in words.
    public private(set) var violations: [String] = []
    private var isInside = false

    /// Observes `base`.
    public init(_ base: any ConnectionHandler) { self.base = base }

    private func violate(_ text: String) {
        if violations.count < 10 { violations.append(text) }
    }

    private func enter(_ call: String) {
        if isInside { violate("\(call) inside another call") }
        if reason != nil { violate("\(call) after closed") }
        if !wasConnected && call != "connected" && call != "closed" { violate("\(call) before connected") }
        isInside = true
    }

    /// Hands on.
    public func connected(_ connection: Connection) throws {
        enter("connected")
        defer { isInside = false }
        if wasConnected { violate("connected twice") }
        wasConnected = true
        try base.connected(connection)
    }

    /// Hands on.
    public func received(_ bytes: RawSpan, on connection: Connection) throws {
        enter("received")
        defer { isInside = false }
        if wasEnded { violate("received after ended") }
        if bytes.isEmpty { violate("received no bytes") }
        if connection.isClosed { violate("received on a closed connection") }
        receivedCount += bytes.byteCount
        try base.received(bytes, on: connection)
    }

    /// Hands on.
    public func resumed(_ connection: Connection) throws {
        enter("resumed")
        defer { isInside = false }
        if wasEnded { violate("resumed after ended") }
        if connection.isReadingPaused { violate("resumed while reading is paused") }
        try base.resumed(connection)
    }

    /// Hands on.
    public func ended(_ connection: Connection) throws {
        enter("ended")
        defer { isInside = false }
        if wasEnded { violate("ended twice") }
        wasEnded = true
        try base.ended(connection)
    }

    /// Hands on.
    public func drained(_ connection: Connection) throws {
        enter("drained")
        defer { isInside = false }
        try base.drained(connection)
    }

    /// Hands on.
    public func draining(_ connection: Connection) throws {
        enter("draining")
        defer { isInside = false }
        if wasToldOfDraining { violate("draining twice") }
        wasToldOfDraining = true
        try base.draining(connection)
    }

    /// Hands on.
    public func closed(_ connection: Connection, reason: CloseReason) {
        enter("closed")
        defer { isInside = false }
        self.reason = reason
        closedAt = connection.loop.kernel.now()
        base.closed(connection, reason: reason)
    }
}
