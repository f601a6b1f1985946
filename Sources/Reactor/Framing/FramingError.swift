// Errors in received bytes that should be messages, and in messages that should be sent.

/// An error that occurs when bytes are malformed or a message cannot be framed.
public struct FramingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of errors. New ones may be added.
    public struct Kind: Sendable, Hashable {
        private let number: UInt8

        /// The peer's message is longer than the framing's maximum.
        public static let tooLong = Kind(number: 0)
        /// The peer's length field has an invalid value.
        public static let invalidLength = Kind(number: 1)
        /// The stream ended in the middle of a message.
        public static let truncated = Kind(number: 2)
        /// The bytes violate the rules of a custom framing.
        public static let malformed = Kind(number: 3)
        /// A message to be sent cannot be represented in this framing; the peer would read a different one.
        public static let unsendable = Kind(number: 4)
    }

    /// The kind of error.
    public let kind: Kind
    /// A description of the error, with its numbers.
    public let description: String

    /// Creates an error of a framing.
    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
