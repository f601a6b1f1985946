// The echo that says when: each message goes back behind the time of day. The clock is given in from outside.

public import Reactor

/// Answers every line with the time and the same line.
public final class TimeEcho: MessageHandler {
    private let lines = LineFraming()
    private let clock: @Sendable () -> WallTime
    /// The answer, in memory that is used again and again.
    private var answer: [UInt8] = []

    /// An echo of lines that asks this clock.
    public init(clock: @escaping @Sendable () -> WallTime) { self.clock = clock }

    /// Sends the line back behind the time.
    public func received(message: RawSpan, on connection: Connection) throws {
        answer.removeAll(keepingCapacity: true)
        answer += clock().text.utf8
        answer.append(UInt8(ascii: " "))
        for index in 0..<message.byteCount { answer.append(message.byte(at: index)) }
        try lines.write(answer, to: connection)
    }

    /// Closes, but first answers whoever has just come and not said anything yet.
    public func draining(_ connection: Connection) {
        if connection.bytesReceived > 0 { connection.close() }
    }
}

/// Answers every datagram with the time and the same datagram.
///
/// The answer is 25 bytes longer than the question, and anybody can ask in another's name: this belongs on loopback or
/// behind a filter even more than ``DatagramEcho`` does.
public final class TimeDatagramEcho: DatagramHandler {
    /// No datagram over IPv4 has more bytes.
    private static let longestDatagram = 65_507
    private let clock: @Sendable () -> WallTime
    /// The answer, in memory that is used again and again.
    private var answer: [UInt8] = []

    /// An echo of datagrams that asks this clock.
    public init(clock: @escaping @Sendable () -> WallTime) { self.clock = clock }

    /// Sends the datagram back behind the time, as far as there is room for both.
    public func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        answer.removeAll(keepingCapacity: true)
        answer += clock().text.utf8
        answer.append(UInt8(ascii: " "))
        for index in 0..<min(bytes.byteCount, Self.longestDatagram - answer.count) {
            answer.append(bytes.byte(at: index))
        }
        socket.send(answer, to: peer)
    }

    /// Sends back what was received.
    public func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        received(bytes, from: peer, on: socket)
    }
}
