// Why a connection ended: a value with room for new reasons, told once, at the very end.

/// Why a connection was closed.
public struct CloseReason: Sendable, CustomStringConvertible {
    /// The kinds of reasons. New ones may be added.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        /// The reason in words.
        public let description: String

        /// ``Connection/close()`` was called, here.
        public static let closed = Kind(description: "closed here")
        /// ``Connection/abort()`` was called, here.
        public static let aborted = Kind(description: "aborted here")
        /// The peer ended its stream and the connection was finished after that.
        public static let ended = Kind(description: "ended by the peer")
        /// The peer reset the connection, or the network lost it; ``CloseReason/error`` says more.
        public static let failed = Kind(description: "failed")
        /// No byte in either direction for ``Limits/idleTime``.
        public static let idle = Kind(description: "idle for too long")
        /// No complete first message within ``Limits/firstMessageTime``.
        public static let messageTimeout = Kind(description: "no message in time")
        /// Queued output made no progress for ``Limits/writeStallTime``.
        public static let writeStalled = Kind(description: "the peer stopped reading")
        /// More output waited than ``Limits/outputLimit``.
        public static let outputLimit = Kind(description: "too much output was waiting")
        /// The handler threw ``CloseReason/error``.
        public static let handlerError = Kind(description: "its handler failed")
        /// The loop ended.
        public static let loopEnded = Kind(description: "the loop ended")
    }

    /// What kind of end it was.
    public let kind: Kind
    /// The error behind it, for ``Kind/failed`` and ``Kind/handlerError``.
    public let error: (any Error)?

    init(_ kind: Kind, error: (any Error)? = nil) {
        self.kind = kind
        self.error = error
    }

    /// The reason in one line.
    public var description: String { error.map { "\(kind): \($0)" } ?? kind.description }
}
