// The simplest datagram server there is: every datagram goes back to its sender.

public import Reactor

/// Answers every datagram with the same datagram, a truncated one with what came of it.
///
/// Anybody can send in another's name, who then gets the answer. An echo answers with no more than it was sent, so that it
/// is no amplifier; still it belongs on loopback or behind a filter (RFC 862).
public final class DatagramEcho: DatagramHandler {
    /// An echo.
    public init() {}

    /// Sends the datagram back.
    public func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        socket.send(bytes, to: peer)
    }

    /// Sends back what was received.
    public func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        socket.send(bytes, to: peer)
    }
}

/// Answers every datagram with the same datagram, but the ASCII letters a to z with A to Z.
public final class UpperCaseDatagramEcho: DatagramHandler {
    /// The answer, in memory that is used again and again.
    private var answer: [UInt8] = []

    /// An echo in upper case.
    public init() {}

    /// Sends the datagram back.
    public func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        answer.removeAll(keepingCapacity: true)
        for index in 0..<bytes.byteCount {
            let byte = bytes.byte(at: index)
            answer.append((UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte - 32 : byte)
        }
        socket.send(answer, to: peer)
    }
}
