// The callbacks that an application implements for a datagram socket.

/// Handles the events of one datagram socket, on its loop's thread.
///
///     final class Echo: DatagramHandler {
///         func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
///             socket.send(bytes, to: peer)
///         }
///     }
///
/// Only ``received(_:from:on:)`` is required. Calls for one socket never overlap; ``closed(_:error:)`` is the last.
///
/// A callback may do anything: send, close this or another socket, stop the loop. If it throws, the error is reported
/// and counted, and the socket stays open, because the other peers are not affected. A callback should not block: it
/// blocks the whole loop.
public protocol DatagramHandler: AnyObject {
    /// Called with a complete datagram, which may be empty.
    ///
    /// The bytes are borrowed: they belong to the socket and are overwritten when this returns. The sender's address
    /// may be spoofed (RFC 2827).
    func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) throws

    /// Called with the first bytes of a datagram longer than ``DatagramOptions/datagramSize``.
    ///
    /// Default: does nothing; the datagram is counted.
    func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) throws

    /// Called when all datagrams queued since ``DatagramSendResult/pressure`` have been sent.
    ///
    /// Default: does nothing.
    func drained(_ socket: DatagramSocket) throws

    /// Called when the kernel refuses to send a datagram to `peer`, or reports that an earlier one did not arrive.
    ///
    /// The kernel reports undelivered datagrams on connected sockets only (ICMP, udp(7)); `peer` is the connected peer
    /// then. The socket stays open. Default: does nothing; the error is counted.
    ///
    /// A handler that sends the same datagram again from here does so once per turn of the loop.
    func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) throws

    /// Called once, as the last callback, when the descriptor has been closed.
    ///
    /// Default: does nothing.
    ///
    /// - Parameter error: the reason; `nil` when the socket was closed locally or the loop ended.
    func closed(_ socket: DatagramSocket, error: SocketError?)
}

extension DatagramHandler {
    /// Does nothing.
    public func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {}
    /// Does nothing.
    public func drained(_ socket: DatagramSocket) {}
    /// Does nothing.
    public func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) {}
    /// Does nothing.
    public func closed(_ socket: DatagramSocket, error: SocketError?) {}
}
