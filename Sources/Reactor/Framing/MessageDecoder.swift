// The protocols of a framing: splitting a stream into messages, and writing messages to one. They are independent of
// where the bytes come from.

/// The result of decoding: a message at the beginning of the bytes, or a request for more.
public struct MessageCut: Sendable, Hashable {
    /// The range of the message; empty if it is incomplete.
    public let message: Range<Int>
    /// The number of bytes consumed, the message and its delimiters included; 0 if it is incomplete.
    public let used: Int
    /// If the message is incomplete: the number of bytes needed before decoding is worth another attempt.
    public let needed: Int

    /// Returns a complete message.
    ///
    /// - Parameters:
    ///   - range: the range of the message, which may be empty.
    ///   - used: the number of bytes consumed; at least 1, and no less than the range's upper bound.
    @inline(__always)
    public static func message(_ range: Range<Int>, used: Int) -> MessageCut {
        precondition(used > 0 && range.upperBound <= used, "a message has to lie within the bytes used")
        return MessageCut(message: range, used: used, needed: 0)
    }

    /// Returns a request for more bytes.
    ///
    /// - Parameter needed: the total number of bytes needed for the next step, if known. It saves calls of the decoder;
    ///   no memory is allocated for it.
    @inline(__always)
    public static func incomplete(needed: Int = 0) -> MessageCut { MessageCut(message: 0..<0, used: 0, needed: needed) }
}

/// Splits a stream of bytes into messages.
///
///     struct Netstrings: MessageDecoder {
///         mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut { ... }
///     }
///
/// Each connection has its own copy. The bytes passed to ``decode(_:)`` begin where the last message ended. Until it
/// returns a message, it is called again with the same bytes and more after them, so it can store how far it has
/// searched; the bytes of a returned message are not passed again. After an error it is not called again.
public protocol MessageDecoder {
    /// Decodes a message at the beginning of `bytes`, which are not empty.
    ///
    /// A decoder has to check the peer's claims: as long as it returns ``MessageCut/incomplete(needed:)``, all input is
    /// kept in memory.
    ///
    /// - Parameter bytes: the unprocessed input.
    /// - Returns: A message, or a request for more bytes.
    /// - Throws: ``FramingError`` when the bytes are malformed.
    mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut

    /// Decodes the unprocessed input, at least one byte, at the end of the stream.
    ///
    /// Default: throws ``FramingError/Kind/truncated``.
    mutating func decodeLast(_ bytes: RawSpan) throws(FramingError) -> MessageCut
}

extension MessageDecoder {
    /// Throws ``FramingError/Kind/truncated``.
    public mutating func decodeLast(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        throw FramingError(.truncated, "the stream ended \(bytes.byteCount) bytes into a message")
    }
}

/// Writes messages such that the decoder of the same framing finds them.
public protocol MessageEncoder {
    /// Writes a message with its delimiter or prefix, without allocating memory.
    ///
    /// - Throws: ``FramingError/Kind/unsendable`` when the framing cannot represent the message; nothing is written
    ///   then.
    @discardableResult
    func write(_ message: RawSpan, to connection: Connection) throws(FramingError) -> WriteResult
}

extension MessageEncoder {
    /// Writes a string's UTF-8 bytes as one message.
    @discardableResult
    public func write(_ message: String, to connection: Connection) throws(FramingError) -> WriteResult {
        try write(message.utf8Span.span, to: connection)
    }

    /// Writes a span's bytes as one message.
    @discardableResult
    public func write(_ message: Span<UInt8>, to connection: Connection) throws(FramingError) -> WriteResult {
        try unsafe write(message.bytes, to: connection)  // safe: a UInt8 has no padding that would be uninitialized
    }

    /// Writes an array's bytes as one message.
    @discardableResult
    public func write(_ message: [UInt8], to connection: Connection) throws(FramingError) -> WriteResult {
        try write(message.span, to: connection)
    }
}
