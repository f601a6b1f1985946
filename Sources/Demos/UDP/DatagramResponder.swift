// The receiver of the teaching texts: it shows each datagram as it came, and answers it if it is to. It knows no clock and
// no output; both are given.

public import Reactor

/// A datagram that arrived.
public struct DatagramArrival: Sendable, Hashable {
    /// Who sent it, or says so: anybody can send a datagram with any sender's address.
    public let peer: SocketAddress
    /// What was received of it.
    public let bytes: [UInt8]
    /// Whether it was longer than what is received.
    public let isTruncated: Bool
    /// When, on the loop's clock.
    public let time: MonotonicTime

    /// The bytes as one line that is fit for a terminal.
    public var text: String { PrintableText.sanitized(bytes) }
}

/// Shows datagrams, and answers them.
public final class DatagramResponder: DatagramHandler {
    private let answer: ((DatagramArrival) -> String)?
    private let arrived: (DatagramArrival, _ answer: String?) -> Void
    private let prefix: [UInt8]

    /// A receiver.
    ///
    /// - Parameters:
    ///   - prefix: what every answer begins with. What begins so is never answered: two servers would otherwise answer each
    ///     other without end, once somebody has sent one of them a datagram in the other's name.
    ///   - answer: what to answer, without the prefix; `nil` answers nothing.
    ///   - arrived: told of every datagram, and of its answer if it has one.
    public init(
        prefix: String = "", answer: ((DatagramArrival) -> String)? = nil,
        arrived: @escaping (DatagramArrival, _ answer: String?) -> Void
    ) {
        (self.prefix, self.answer, self.arrived) = (Array(prefix.utf8), answer, arrived)
    }

    /// Shows it, and answers it.
    public func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        take(bytes, from: peer, on: socket, isTruncated: false)
    }

    /// Shows what there is of it, and answers that.
    public func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        take(bytes, from: peer, on: socket, isTruncated: true)
    }

    private func take(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket, isTruncated: Bool) {
        // Safe: the bytes are copied while they are lent.
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        let arrival = DatagramArrival(peer: peer, bytes: copy, isTruncated: isTruncated, time: socket.loop.now)
        var text: String?
        if let answer, prefix.isEmpty || !copy.starts(with: prefix) {
            let words = String(decoding: prefix, as: UTF8.self) + answer(arrival)
            socket.send(words, to: peer)
            text = words
        }
        arrived(arrival, text)
    }
}

/// The time of day for whoever asks (as RFC 867 has it, in a form that programs can read).
public enum TimeAnswer {
    /// What its answers begin with.
    public static let prefix = "time: "

    /// The answer to a datagram: the time, whose datagram it was, and how much of it arrived.
    public static func words(for arrival: DatagramArrival, at time: WallTime) -> String {
        "\(time.text), you are \(arrival.peer), \(arrival.bytes.count) bytes\(arrival.isTruncated ? ", cut" : "")"
    }
}

/// What a listener answers a broadcast with.
public enum PresenceAnswer {
    /// What its answers begin with.
    public static let prefix = "here: "
}
