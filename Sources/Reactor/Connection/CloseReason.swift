// Why a connection ended: a value that leaves room for new reasons, delivered once, in the last call of the handler.

/// The reason why a connection was closed.
public struct CloseReason: Sendable, CustomStringConvertible {
    /// The kinds of reasons. New ones may be added.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        private let number: UInt8

        /// ``Connection/close()`` was called on this side.
        public static let closed = Kind(number: 0)
        /// ``Connection/abort()`` was called on this side.
        public static let aborted = Kind(number: 1)
        /// The peer ended its stream, and this side ended its own, with ``Connection/closeWrite()`` before or after that or
        /// with ``Connection/close()`` after it.
        public static let ended = Kind(number: 2)
        /// The peer reset the connection, the network lost it, or an operation on it failed; ``CloseReason/error`` has
        /// the details.
        public static let failed = Kind(number: 3)
        /// No byte moved in either direction for ``Limits/idleTime``, and none was acknowledged.
        public static let idle = Kind(number: 4)
        /// No message arrived in time: no first message within ``Limits/firstMessageTime``, or none within the time of
        /// ``Connection/expectMessage(within:)``.
        ///
        /// With a framing, or after `expectMessage(within:)`, the message has to be complete; otherwise the first bytes
        /// count as the first message.
        public static let messageTimeout = Kind(number: 5)
        /// The peer acknowledged no output for ``Limits/writeStallTime``.
        public static let writeStalled = Kind(number: 6)
        /// More output was queued than ``Limits/outputLimit`` allows.
        public static let outputLimit = Kind(number: 7)
        /// The handler threw ``CloseReason/error``.
        public static let handlerError = Kind(number: 8)
        /// The loop ended, or the deadline of its drain passed.
        public static let loopEnded = Kind(number: 9)
        /// The peer sent a malformed message; ``CloseReason/error`` is the ``FramingError``.
        public static let framing = Kind(number: 10)
        /// The task that served the connection was cancelled.
        public static let cancelled = Kind(number: 11)

        private static let words = [
            "closed locally", "aborted", "ended by the peer", "failed", "idle for too long", "no message in time",
            "the peer stopped reading", "output limit exceeded", "its handler failed", "the loop ended",
            "malformed message", "its task was cancelled",
        ]

        /// The kind in words.
        public var description: String { Self.words[Int(number)] }
    }

    /// The kind of reason.
    public let kind: Kind
    /// The underlying error, for ``Kind/failed``, ``Kind/handlerError`` and ``Kind/framing``.
    public let error: (any Error)?

    init(_ kind: Kind, error: (any Error)? = nil) {
        self.kind = kind
        self.error = error
    }

    /// The reason in one line.
    public var description: String { error.map { "\(kind): \($0)" } ?? kind.description }
}
