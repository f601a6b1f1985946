// Stands between the framework and a datagram handler, and sees to it that the framework keeps its word: no call inside
// another, and `closed` exactly once and last.

public import Reactor

/// A datagram handler that hands everything on to another one and watches the order of the calls.
public final class ObservedDatagramHandler: DatagramHandler {
    /// The handler that does the work.
    public let base: any DatagramHandler
    /// The socket, once it is there.
    public internal(set) var socket: DatagramSocket?
    /// Whether ``DatagramHandler/closed(_:error:)`` was called.
    public private(set) var isClosed = false
    /// What ended the socket, if it was an error.
    public private(set) var error: SocketError?
    /// What could not be sent, or did not arrive, as far as it was told.
    public private(set) var failures: [SocketError] = []
    /// How the framework broke its word, in words.
    public private(set) var violations: [String] = []
    private var isInside = false

    /// Observes `base`.
    public init(_ base: any DatagramHandler) { self.base = base }

    private func enter(_ call: String, _ socket: DatagramSocket) {
        if isInside { violations.append("\(call) inside another call") }
        if isClosed { violations.append("\(call) after closed") }
        if socket.isClosed != (call == "closed") {
            violations.append("\(call) on a socket that is not, or still, open")
        }
        isInside = true
    }

    /// Hands on.
    public func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) throws {
        enter("received", socket)
        defer { isInside = false }
        try base.received(bytes, from: peer, on: socket)
    }

    /// Hands on.
    public func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) throws {
        enter("receivedTruncated", socket)
        defer { isInside = false }
        try base.receivedTruncated(bytes, from: peer, on: socket)
    }

    /// Hands on.
    public func drained(_ socket: DatagramSocket) throws {
        enter("drained", socket)
        defer { isInside = false }
        if socket.queuedDatagrams > 0 { violations.append("drained with datagrams waiting") }
        try base.drained(socket)
    }

    /// Hands on.
    public func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) throws {
        enter("failed", socket)
        defer { isInside = false }
        failures.append(error)
        try base.failed(error, peer: peer, on: socket)
    }

    /// Hands on.
    public func closed(_ socket: DatagramSocket, error: SocketError?) {
        enter("closed", socket)
        defer { isInside = false }
        isClosed = true
        self.error = error
        base.closed(socket, error: error)
    }
}
