// What is wrong with a stream that should be messages, or with a message that should go into one.

/// Why bytes are no message, or a message cannot be framed.
public struct FramingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of errors. New ones may be added.
    public struct Kind: Sendable, Hashable {
        private let number: UInt8

        /// The peer's message is longer than the framing's maximum.
        public static let tooLong = Kind(number: 0)
        /// The peer's length field says what no length can be.
        public static let invalidLength = Kind(number: 1)
        /// The stream ended within a message.
        public static let truncated = Kind(number: 2)
        /// The bytes break the rules of a framing of one's own.
        public static let malformed = Kind(number: 3)
        /// A message to be sent that this framing cannot carry, so that the peer would read another.
        public static let unsendable = Kind(number: 4)
    }

    /// What kind of error it is.
    public let kind: Kind
    /// The same in words, with the figures.
    public let description: String

    /// An error of a framing.
    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
