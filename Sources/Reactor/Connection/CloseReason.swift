// Why a connection ended: a value with room for new reasons, told once, at the very end.

/// Why a connection was closed.
public struct CloseReason: Sendable, CustomStringConvertible {
    /// The kinds of reasons. New ones may be added.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        private let number: UInt8

        /// ``Connection/close()`` was called, here.
        public static let closed = Kind(number: 0)
        /// ``Connection/abort()`` was called, here.
        public static let aborted = Kind(number: 1)
        /// The peer ended its stream and the connection was finished after that.
        public static let ended = Kind(number: 2)
        /// The peer reset the connection, or the network lost it; ``CloseReason/error`` says more.
        public static let failed = Kind(number: 3)
        /// No byte in either direction for ``Limits/idleTime``, and none acknowledged.
        public static let idle = Kind(number: 4)
        /// No complete first message within ``Limits/firstMessageTime``.
        public static let messageTimeout = Kind(number: 5)
        /// The peer acknowledged none of what was sent for ``Limits/writeStallTime``.
        public static let writeStalled = Kind(number: 6)
        /// More output waited than ``Limits/outputLimit``.
        public static let outputLimit = Kind(number: 7)
        /// The handler threw ``CloseReason/error``.
        public static let handlerError = Kind(number: 8)
        /// The loop ended.
        public static let loopEnded = Kind(number: 9)
        /// What the peer sent is no message by the framing; ``CloseReason/error`` is the ``FramingError``.
        public static let framing = Kind(number: 10)
        /// The task that served the connection was cancelled.
        public static let cancelled = Kind(number: 11)

        private static let words = [
            "closed here", "aborted here", "ended by the peer", "failed", "idle for too long", "no message in time",
            "the peer stopped reading", "too much output was waiting", "its handler failed", "the loop ended",
            "sent what is no message", "its task was cancelled",
        ]

        /// The reason in words.
        public var description: String { Self.words[Int(number)] }
    }

    /// What kind of end it was.
    public let kind: Kind
    /// The error behind it, for ``Kind/failed``, ``Kind/handlerError`` and ``Kind/framing``.
    public let error: (any Error)?

    init(_ kind: Kind, error: (any Error)? = nil) {
        self.kind = kind
        self.error = error
    }

    /// The reason in one line.
    public var description: String { error.map { "\(kind): \($0)" } ?? kind.description }
}
