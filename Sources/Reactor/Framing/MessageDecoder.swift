// How a stream of bytes is cut into messages, and how messages become such a stream again: what a framing has to say,
// and nothing about where the bytes come from.

/// What a decoder found at the beginning of the bytes at hand.
public struct MessageCut: Sendable, Hashable {
    /// Where the message lies. Empty when there is none yet.
    public let message: Range<Int>
    /// Bytes that are used up, the message and all that surrounds it; 0 when more are needed.
    public let used: Int
    /// When more are needed: how many there have to be before it makes sense to ask again.
    public let needed: Int

    /// A message in this range of the bytes; the first `used` of them are done with. The range may be empty, `used`
    /// not 0.
    @inline(__always)
    public static func message(_ range: Range<Int>, used: Int) -> MessageCut {
        precondition(used > 0 && range.upperBound <= used, "a message lies within the bytes that are used up")
        return MessageCut(message: range, used: used, needed: 0)
    }

    /// No whole message yet.
    ///
    /// - Parameter needed: how many bytes there have to be in all for the next step, as far as that is known. It saves
    ///   questions; nothing is allocated for it.
    @inline(__always)
    public static func incomplete(needed: Int = 0) -> MessageCut { MessageCut(message: 0..<0, used: 0, needed: needed) }
}

/// Cuts a stream of bytes into messages.
///
///     struct Netstrings: MessageDecoder {
///         mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut { ... }
///     }
///
/// A value: each connection has its own copy. The bytes that it is asked about begin where the last message ended.
/// Until it has found the next one, it is asked again with the same bytes and some more behind them, so it can remember
/// how far it has looked; once it has answered with a message, that message is gone. After an error it is not asked
/// again.
public protocol MessageDecoder {
    /// Looks for a message at the beginning of `bytes`, which are not empty.
    ///
    /// What a peer claims is to be checked here, before it is believed: a decoder that goes on answering
    /// ``MessageCut/incomplete(needed:)`` has all that arrives kept in memory.
    mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut

    /// The stream has ended, and these bytes, at least one, are left of it. Default: throws
    /// ``FramingError/Kind/truncated``.
    mutating func decodeLast(_ bytes: RawSpan) throws(FramingError) -> MessageCut
}

extension MessageDecoder {
    /// Throws ``FramingError/Kind/truncated``.
    public mutating func decodeLast(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        throw FramingError(.truncated, "the stream ended \(bytes.byteCount) bytes into a message")
    }
}

/// Writes messages so that the decoder of the same framing finds them again.
public protocol MessageEncoder {
    /// Writes one message with what marks its bounds. Nothing is allocated.
    ///
    /// - Throws: ``FramingError/Kind/unsendable`` when the framing cannot carry the message; nothing was written then.
    @discardableResult
    func write(_ message: RawSpan, to connection: Connection) throws(FramingError) -> WriteResult
}

extension MessageEncoder {
    /// Writes one message, a string's UTF-8 bytes.
    @discardableResult
    public func write(_ message: String, to connection: Connection) throws(FramingError) -> WriteResult {
        try write(message.utf8Span.span, to: connection)
    }

    /// Writes one message, the bytes of a span.
    @discardableResult
    public func write(_ message: Span<UInt8>, to connection: Connection) throws(FramingError) -> WriteResult {
        try unsafe write(message.bytes, to: connection)  // safe: a UInt8 has no padding that would be uninitialized
    }

    /// Writes one message, an array's bytes.
    @discardableResult
    public func write(_ message: [UInt8], to connection: Connection) throws(FramingError) -> WriteResult {
        try write(message.span, to: connection)
    }
}
