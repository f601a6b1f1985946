// The parameters of a message-boundary experiment and its result: plain values, independent of connections.

/// How messages are delimited in a stream, if at all.
package enum FramingMethod: String, CaseIterable, Sendable, Encodable {
    /// Not delimited: the bytes of one receive are taken for a message.
    case raw
    /// Each message ends with a newline.
    case lines
    /// Each message follows its length, 32 bits in network byte order.
    case length

    /// Returns the bytes before and after a message on the wire; `nil` if the framing cannot carry it.
    func marks(around message: [UInt8]) -> (before: [UInt8], behind: [UInt8])? {
        let newline = UInt8(ascii: "\n")
        switch self {
        case .raw: return ([], [])
        case .lines:
            // A carriage return at the end of a message would be taken for part of the line ending.
            if message.contains(newline) || message.last == UInt8(ascii: "\r") { return nil }
            return ([], [newline])
        case .length:
            let count = UInt32(message.count)
            return ((0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) }, [])
        }
    }
}

/// How the bytes reach the receiver.
package enum FramingDelivery: Sendable, Hashable {
    /// Each message is sent separately, one right after the other; the receiver reads after all of them have arrived.
    case readLate
    /// The stream is cut into pieces of a size, as a network may do; the receiver reads each as it arrives.
    case cut(every: Int)
}

/// The parameters of an experiment.
package struct FramingPlan: Sendable {
    /// The messages, in order.
    package let messages: [[UInt8]]
    /// Their framing.
    package let framing: FramingMethod
    /// Their delivery.
    package let delivery: FramingDelivery

    /// The maximum total length of the messages, in bytes, which fits into any socket's buffers, so that the receiver
    /// may read late.
    package static let mostBytes = 16 * 1024
    /// The maximum number of messages.
    package static let mostMessages = 64

    /// Creates a plan.
    package init(_ messages: [[UInt8]], _ framing: FramingMethod, _ delivery: FramingDelivery) {
        self.messages = messages
        self.framing = framing
        self.delivery = delivery
    }

    /// The number of the first message that the framing cannot carry, from 1; `nil` if it can carry all.
    package var unsendable: Int? { messages.firstIndex { framing.marks(around: $0) == nil }.map { $0 + 1 } }

    /// Each message as framed on the wire; empty for one that the framing cannot carry.
    var wire: [[UInt8]] {
        messages.map { message in
            framing.marks(around: message).map { $0.before + message + $0.behind } ?? []
        }
    }

    /// The bytes of each send.
    var sends: [[UInt8]] {
        guard case .cut(let size) = delivery else { return wire.filter { !$0.isEmpty } }
        let stream = Array(wire.joined())
        return stride(from: 0, to: stream.count, by: max(1, size)).map {
            Array(stream[$0..<min($0 + max(1, size), stream.count)])
        }
    }
}

/// The result of an experiment.
package struct FramingResult: Sendable {
    /// The parameters.
    package let plan: FramingPlan
    /// The bytes of each receive.
    package let receives: [[UInt8]]
    /// The messages that the receiver found.
    package let messages: [[UInt8]]

    /// Whether the messages arrived as they were sent.
    package var isAsSent: Bool { messages == plan.messages }
}
