// The simplest datagram server: it sends every datagram back to its sender.

package import Reactor

/// A server that echoes every datagram, and of a truncated one the part received.
///
/// A sender's address can be forged, in which case the reply goes to a third party. An echo is never longer than its
/// request and hence amplifies nothing; it still belongs on loopback or behind a filter (RFC 862).
package final class DatagramEcho: DatagramHandler {
    /// Creates an echo server.
    package init() {}

    /// Echoes a datagram.
    package func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        socket.send(bytes, to: peer)
    }

    /// Echoes the part of a datagram that was received.
    package func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        socket.send(bytes, to: peer)
    }
}

/// A server that echoes every datagram, with the ASCII letters a to z in upper case.
package final class UpperCaseDatagramEcho: DatagramHandler {
    /// The reply, in a reused buffer.
    private var response: [UInt8] = []

    /// Creates an upper-case echo server.
    package init() {}

    /// Echoes a datagram in upper case.
    package func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        response.removeAll(keepingCapacity: true)
        for index in 0..<bytes.byteCount {
            let byte = bytes.byte(at: index)
            response.append((UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte - 32 : byte)
        }
        socket.send(response, to: peer)
    }
}
