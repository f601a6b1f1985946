// What is tried about the boundaries of messages, and what came of it: values, which know no connection.

/// How messages are told apart in a stream, or that they are not.
public enum BoundaryFraming: String, CaseIterable, Sendable, Encodable {
    /// Not at all: what one receive brings is taken for a message.
    case raw
    /// Each ends with a newline.
    case lines
    /// Each comes behind its length, 32 bits in network byte order.
    case length

    /// What comes before and behind a message on the wire; `nil` where the framing cannot carry it.
    func marks(around message: [UInt8]) -> (before: [UInt8], behind: [UInt8])? {
        let newline = UInt8(ascii: "\n")
        switch self {
        case .raw: return ([], [])
        case .lines:
            // A carriage return at its end would be taken for a part of the line's end.
            if message.contains(newline) || message.last == UInt8(ascii: "\r") { return nil }
            return ([], [newline])
        case .length:
            let count = UInt32(message.count)
            return ((0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) }, [])
        }
    }
}

/// How the bytes come to the receiver.
public enum BoundaryDelivery: Sendable, Hashable {
    /// Each message is sent by itself, one right after the other; the receiver reads when all of them are there.
    case readLate
    /// The stream is cut into pieces of so many bytes, as a network may do; the receiver reads each as it comes.
    case cut(every: Int)
}

/// One try.
public struct BoundaryPlan: Sendable {
    /// What is sent, in order.
    public let messages: [[UInt8]]
    /// How it is framed.
    public let framing: BoundaryFraming
    /// How it arrives.
    public let delivery: BoundaryDelivery

    /// Bytes of all messages, which fit into any socket's buffers, so that a receiver may read late.
    public static let mostBytes = 16 * 1024
    /// How many messages there may be.
    public static let mostMessages = 64

    /// A plan.
    public init(_ messages: [[UInt8]], _ framing: BoundaryFraming, _ delivery: BoundaryDelivery) {
        self.messages = messages
        self.framing = framing
        self.delivery = delivery
    }

    /// The first message that the framing cannot carry, counted from 1.
    public var unsendable: Int? { messages.firstIndex { framing.marks(around: $0) == nil }.map { $0 + 1 } }

    /// What each message is on the wire; of one that cannot be carried, nothing.
    var wire: [[UInt8]] {
        messages.map { message in
            framing.marks(around: message).map { $0.before + message + $0.behind } ?? []
        }
    }

    /// What is given to one send each.
    var sends: [[UInt8]] {
        guard case .cut(let size) = delivery else { return wire.filter { !$0.isEmpty } }
        let stream = Array(wire.joined())
        return stride(from: 0, to: stream.count, by: max(1, size)).map {
            Array(stream[$0..<min($0 + max(1, size), stream.count)])
        }
    }
}

/// What came of a try.
public struct BoundaryResult: Sendable {
    /// What was tried.
    public let plan: BoundaryPlan
    /// What each receive brought.
    public let receives: [[UInt8]]
    /// What the receiver took for messages.
    public let messages: [[UInt8]]

    /// Whether the messages came as they were sent.
    public var isAsSent: Bool { messages == plan.messages }
}
