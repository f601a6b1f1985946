// What a user of the framework implements: what happens to one datagram socket.

/// Handles the events of one datagram socket, on its loop's thread.
///
///     final class Echo: DatagramHandler {
///         func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
///             socket.send(bytes, to: peer)
///         }
///     }
///
/// ``received(_:from:on:)`` is the only one that must be there. The calls come one at a time, and none while another of
/// the same socket is running; ``closed(_:error:)`` is the last.
///
/// A call may do anything: send, close this socket or another, stop the loop. A call that throws is reported and counted;
/// the socket goes on, for the other peers are not concerned. It should not block, for the whole loop waits meanwhile.
public protocol DatagramHandler: AnyObject {
    /// A datagram arrived, whole; it may be empty. The bytes are lent: they belong to the socket and are overwritten when
    /// this returns. Anybody can send a datagram with any sender's address (RFC 2827).
    func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) throws

    /// A datagram arrived that is longer than ``DatagramOptions/datagramSize``; these are its first bytes. Default:
    /// nothing, it is only counted.
    func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) throws

    /// Datagrams had to wait (``DatagramSendResult/pressure``), and all have left now. Default: nothing.
    func drained(_ socket: DatagramSocket) throws

    /// The kernel refused to send a datagram to `peer`, or told that an earlier one did not arrive, which it knows of
    /// connected sockets only (ICMP, udp(7)); `peer` is that of the socket then. The socket goes on. Default: nothing, it
    /// is only counted.
    ///
    /// Whoever sends the same again from here does so once a turn of the loop.
    func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) throws

    /// The socket is gone and its descriptor closed. The last call, and exactly one. Default: nothing.
    ///
    /// - Parameter error: what ended it; `nil` when it was closed here, or the loop ended.
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
