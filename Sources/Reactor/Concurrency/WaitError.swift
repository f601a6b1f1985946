// The error of a wait.

/// An error that ends a wait.
public struct WaitError: Error, Sendable, CustomStringConvertible {
    /// The kinds of errors. New ones may be added.
    public struct Kind: Sendable, Hashable {
        private let number: UInt8

        /// The task was cancelled.
        public static let cancelled = Kind(number: 0)
        /// The deadline has passed.
        public static let deadline = Kind(number: 1)
        /// The connection is closed; ``WaitError/closeReason`` has the reason.
        public static let closed = Kind(number: 2)
        /// The stream ended in the middle of the requested bytes or message.
        public static let truncated = Kind(number: 3)
        /// The peer's input is malformed; ``WaitError/framingError`` has the reason.
        public static let malformed = Kind(number: 4)
        /// The loop has ended.
        public static let loopEnded = Kind(number: 5)
    }

    /// The kind of error.
    public let kind: Kind
    /// The reason for which the connection was closed, for ``Kind/closed``.
    public let closeReason: CloseReason?
    /// The framing error, for ``Kind/malformed``, and for ``Kind/truncated`` within a message.
    public let framingError: FramingError?
    private let words: String

    init(_ kind: Kind, _ words: String, closeReason: CloseReason? = nil, framingError: FramingError? = nil) {
        self.kind = kind
        self.words = words
        self.closeReason = closeReason
        self.framingError = framingError
    }

    /// The error in one line.
    public var description: String { closeReason.map { "\(words): \($0)" } ?? words }

    static var cancelled: WaitError { WaitError(.cancelled, "the task was cancelled") }
    static var deadline: WaitError { WaitError(.deadline, "the deadline has passed") }
    static var loopEnded: WaitError { WaitError(.loopEnded, "the loop has ended") }
    static func closed(_ reason: CloseReason?) -> WaitError {
        WaitError(.closed, "the connection is closed", closeReason: reason)
    }
}
