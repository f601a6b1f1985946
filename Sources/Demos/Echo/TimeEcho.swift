// Echo servers that precede each message with the time of day. The clock is passed in.

package import Reactor

/// A server that echoes every line, preceded by the time.
package final class TimeEcho: MessageHandler {
    private let lines = LineFraming()
    private let clock: @Sendable () -> WallTime
    /// The reply, in a reused buffer.
    private var response: [UInt8] = []

    /// Creates a server that uses this clock.
    package init(clock: @escaping @Sendable () -> WallTime) { self.clock = clock }

    /// Echoes a line, preceded by the time.
    package func received(message: RawSpan, on connection: Connection) throws {
        response.removeAll(keepingCapacity: true)
        response += clock().text.utf8
        response.append(UInt8(ascii: " "))
        for index in 0..<message.byteCount { response.append(message.byte(at: index)) }
        try lines.write(response, to: connection)
    }

    /// Closes the connection, unless it is so new that its first input is still expected.
    package func draining(_ connection: Connection) {
        if connection.bytesReceived > 0 { connection.close() }
    }
}

/// A server that echoes every datagram, preceded by the time.
///
/// A reply is 25 bytes longer than its request, and a sender's address can be forged: this server belongs on loopback
/// or behind a filter even more than ``DatagramEcho`` does.
package final class TimeDatagramEcho: DatagramHandler {
    /// The maximum length of a datagram over IPv4, in bytes.
    private static let longestDatagram = 65_507
    private let clock: @Sendable () -> WallTime
    /// The reply, in a reused buffer.
    private var response: [UInt8] = []

    /// Creates a server that uses this clock.
    package init(clock: @escaping @Sendable () -> WallTime) { self.clock = clock }

    /// Echoes a datagram, preceded by the time and cut to the maximum length.
    package func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        response.removeAll(keepingCapacity: true)
        response += clock().text.utf8
        response.append(UInt8(ascii: " "))
        for index in 0..<min(bytes.byteCount, Self.longestDatagram - response.count) {
            response.append(bytes.byte(at: index))
        }
        socket.send(response, to: peer)
    }

    /// Echoes the part of a datagram that was received.
    package func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        received(bytes, from: peer, on: socket)
    }
}
