// The receiver of the teaching texts: shows each datagram as it arrives, and optionally replies. Clock and output are
// passed in.

package import Reactor

/// A received datagram.
package struct DatagramArrival: Sendable, Hashable {
    /// The claimed sender: the source address of a datagram can be forged.
    package let peer: SocketAddress
    /// The bytes received.
    package let bytes: [UInt8]
    /// Whether the datagram was longer than the buffer.
    package let isTruncated: Bool
    /// The time of arrival, on the loop's clock.
    package let time: MonotonicTime

    /// The bytes as one line, sanitized for a terminal.
    package var text: String { PrintableText.sanitized(bytes) }
}

/// A handler that shows datagrams and replies to them.
package final class DatagramResponder: DatagramHandler {
    private let reply: ((DatagramArrival) -> String)?
    private let arrived: (DatagramArrival, _ reply: String?) -> Void
    private let prefix: [UInt8]

    /// The limits of replies to one source, sufficient for a human sender.
    package static let replyLimits: ReplyLimits = {
        var limits = ReplyLimits()
        limits.perSecond = 1000
        return limits
    }()

    /// Creates a receiver.
    ///
    /// - Parameters:
    ///   - prefix: the beginning of every reply. Datagrams that contain it get no reply: otherwise one datagram with a
    ///     forged sender could make two servers reply to each other indefinitely.
    ///   - reply: returns the reply without the prefix; `nil` for no replies.
    ///   - arrived: called for every datagram, with the reply, if any.
    package init(
        prefix: String = "", reply: ((DatagramArrival) -> String)? = nil,
        arrived: @escaping (DatagramArrival, _ reply: String?) -> Void
    ) {
        (self.prefix, self.reply, self.arrived) = (Array(prefix.utf8), reply, arrived)
    }

    /// Returns whether a datagram is a reply of a server like this one: as such, after the prefix of another server, or
    /// truncated within the prefix.
    private func isReply(_ arrival: DatagramArrival) -> Bool {
        guard !prefix.isEmpty else { return false }
        if arrival.isTruncated && prefix.starts(with: arrival.bytes) { return true }
        let last = arrival.bytes.count - prefix.count
        return last >= 0 && (0...last).contains { arrival.bytes[$0...].starts(with: prefix) }
    }

    /// Shows a datagram and replies to it.
    package func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        take(bytes, from: peer, on: socket, isTruncated: false)
    }

    /// Shows the received part of a datagram and replies to it.
    package func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        take(bytes, from: peer, on: socket, isTruncated: true)
    }

    private func take(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket, isTruncated: Bool) {
        // Safe: the bytes are copied during the call.
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        let arrival = DatagramArrival(peer: peer, bytes: copy, isTruncated: isTruncated, time: socket.loop.now)
        var text: String?
        if let reply, !isReply(arrival) {
            let words = String(decoding: prefix, as: UTF8.self) + reply(arrival)
            switch socket.send(words, to: peer) {
            case .taken, .pressure: text = words
            default: break  // withheld or dropped, as the socket's counters show
            }
        }
        arrived(arrival, text)
    }
}

/// Replies with the time of day (as in RFC 867, in a machine-readable form).
package enum TimeReply {
    /// The prefix of the replies.
    package static let prefix = "time: "

    /// Returns the reply to a datagram: the time, the sender, and the number of bytes received.
    package static func words(for arrival: DatagramArrival, at time: WallTime) -> String {
        "\(time.text), you are \(arrival.peer), \(arrival.bytes.count) bytes\(arrival.isTruncated ? ", cut" : "")"
    }
}

/// Replies to broadcasts that discover listeners.
package enum PresenceReply {
    /// The prefix of the replies.
    package static let prefix = "here: "
}
