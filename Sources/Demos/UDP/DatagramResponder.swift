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

    /// The answers that a receiver gives to one source, where a person asks.
    public static let answerLimits: AnswerLimits = {
        var limits = AnswerLimits()
        limits.perSecond = 1000
        return limits
    }()

    /// A receiver.
    ///
    /// - Parameters:
    ///   - prefix: what every answer begins with. What contains it is never answered: two servers would otherwise answer
    ///     each other without end, once a datagram has been sent to one of them in the other's name.
    ///   - answer: what to answer, without the prefix; `nil` answers nothing.
    ///   - arrived: told of every datagram, and of its answer if it has one.
    public init(
        prefix: String = "", answer: ((DatagramArrival) -> String)? = nil,
        arrived: @escaping (DatagramArrival, _ answer: String?) -> Void
    ) {
        (self.prefix, self.answer, self.arrived) = (Array(prefix.utf8), answer, arrived)
    }

    /// Whether this is an answer of a server like this one: alone, behind what another server has put in front of it, or
    /// cut off within its prefix.
    private func isAnswer(_ arrival: DatagramArrival) -> Bool {
        guard !prefix.isEmpty else { return false }
        if arrival.isTruncated && prefix.starts(with: arrival.bytes) { return true }
        let last = arrival.bytes.count - prefix.count
        return last >= 0 && (0...last).contains { arrival.bytes[$0...].starts(with: prefix) }
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
        if let answer, !isAnswer(arrival) {
            let words = String(decoding: prefix, as: UTF8.self) + answer(arrival)
            switch socket.send(words, to: peer) {
            case .taken, .pressure: text = words
            default: break  // withheld or dropped, which the socket counts
            }
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
