// A wrapper around a datagram handler that checks the framework's contract: no nested calls, and `closed` exactly once
// and last.

public import Reactor

/// A datagram handler that forwards every call to another one and checks the order of the calls.
public final class ObservedDatagramHandler: DatagramHandler {
    /// The wrapped handler.
    public let base: any DatagramHandler
    /// The observed socket; `nil` until it exists.
    public internal(set) var socket: DatagramSocket?
    /// Whether ``DatagramHandler/closed(_:error:)`` was called.
    public private(set) var isClosed = false
    /// The error that closed the socket, if any.
    public private(set) var error: SocketError?
    /// The reported failures to send or deliver a datagram.
    public private(set) var failures: [SocketError] = []
    /// Descriptions of the framework's contract violations.
    public private(set) var violations: [String] = []
    private var isInside = false

    /// Creates an observer of `base`.
    public init(_ base: any DatagramHandler) { self.base = base }

    private func enter(_ call: String, _ socket: DatagramSocket) {
        if isInside { violations.append("\(call) inside another call") }
        if isClosed { violations.append("\(call) after closed") }
        if socket.isClosed != (call == "closed") {
            violations.append("\(call) on a socket whose isClosed is wrong")
        }
        isInside = true
    }

    /// Forwards the call.
    public func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) throws {
        enter("received", socket)
        defer { isInside = false }
        try base.received(bytes, from: peer, on: socket)
    }

    /// Forwards the call.
    public func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) throws {
        enter("receivedTruncated", socket)
        defer { isInside = false }
        try base.receivedTruncated(bytes, from: peer, on: socket)
    }

    /// Forwards the call.
    public func drained(_ socket: DatagramSocket) throws {
        enter("drained", socket)
        defer { isInside = false }
        if socket.queuedDatagrams > 0 { violations.append("drained while datagrams are queued") }
        try base.drained(socket)
    }

    /// Forwards the call.
    public func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) throws {
        enter("failed", socket)
        defer { isInside = false }
        failures.append(error)
        try base.failed(error, peer: peer, on: socket)
    }

    /// Forwards the call.
    public func closed(_ socket: DatagramSocket, error: SocketError?) {
        enter("closed", socket)
        defer { isInside = false }
        isClosed = true
        self.error = error
        base.closed(socket, error: error)
    }
}
