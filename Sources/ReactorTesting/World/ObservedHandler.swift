// A wrapper around a connection handler that checks the framework's contract: the order of the calls, `closed` exactly
// once and last, and no nested calls.

public import Reactor

/// A handler that forwards every call to another one and checks the order of the calls.
public final class ObservedHandler: ConnectionHandler {
    /// The wrapped handler.
    public let base: any ConnectionHandler
    /// Whether ``ConnectionHandler/connected(_:)`` was called.
    public private(set) var wasConnected = false
    /// Whether ``ConnectionHandler/ended(_:)`` was called.
    public private(set) var wasEnded = false
    /// Whether ``ConnectionHandler/draining(_:)`` was called.
    public private(set) var wasNotifiedOfDraining = false
    /// The reason why the connection was closed; `nil` while it is open.
    public private(set) var reason: CloseReason?
    /// The virtual time at which the connection was closed; `nil` while it is open.
    public private(set) var closedAt: MonotonicTime?
    /// The number of bytes received.
    public private(set) var receivedCount = 0
    /// Descriptions of the framework's contract violations.
    public private(set) var violations: [String] = []
    private var isInside = false

    /// Creates an observer of `base`.
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

    /// Forwards the call.
    public func connected(_ connection: Connection) throws {
        enter("connected")
        defer { isInside = false }
        if wasConnected { violate("connected twice") }
        wasConnected = true
        try base.connected(connection)
    }

    /// Forwards the call.
    public func received(_ bytes: RawSpan, on connection: Connection) throws {
        enter("received")
        defer { isInside = false }
        if wasEnded { violate("received after ended") }
        if bytes.isEmpty { violate("received no bytes") }
        if connection.isClosed { violate("received on a closed connection") }
        receivedCount += bytes.byteCount
        try base.received(bytes, on: connection)
    }

    /// Forwards the call.
    public func resumed(_ connection: Connection) throws {
        enter("resumed")
        defer { isInside = false }
        if wasEnded { violate("resumed after ended") }
        if connection.isReadingPaused { violate("resumed while reading is paused") }
        try base.resumed(connection)
    }

    /// Forwards the call.
    public func ended(_ connection: Connection) throws {
        enter("ended")
        defer { isInside = false }
        if wasEnded { violate("ended twice") }
        wasEnded = true
        try base.ended(connection)
    }

    /// Forwards the call.
    public func drained(_ connection: Connection) throws {
        enter("drained")
        defer { isInside = false }
        try base.drained(connection)
    }

    /// Forwards the call.
    public func draining(_ connection: Connection) throws {
        enter("draining")
        defer { isInside = false }
        if wasNotifiedOfDraining { violate("draining twice") }
        wasNotifiedOfDraining = true
        try base.draining(connection)
    }

    /// Forwards the call.
    public func closed(_ connection: Connection, reason: CloseReason) {
        enter("closed")
        defer { isInside = false }
        self.reason = reason
        closedAt = connection.loop.kernel.now()
        base.closed(connection, reason: reason)
    }
}
