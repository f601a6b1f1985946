// The protocol of a decoder that parses what it splits: it yields values rather than ranges, so that a message is read
// once. ValueCutter connects it to the buffer that all framings share.

/// The result of decoding a value: the value at the beginning of the bytes, or a request for more.
public enum DecodedValue<Value> {
    /// A value.
    ///
    /// - Parameter used: the number of bytes that it consumed, from the first one on; at least 1.
    case value(Value, used: Int)
    /// The value is incomplete.
    ///
    /// - Parameter needed: the total number of bytes needed for the next step, if known. It saves calls of the decoder;
    ///   no memory is allocated for it.
    case incomplete(needed: Int = 0)
}

/// Parses a stream of bytes into values.
///
///     struct Numbers: ValueDecoder {
///         mutating func decode(_ bytes: RawSpan) throws(FramingError) -> DecodedValue<UInt32> {
///             guard let number = bytes.bigEndian(UInt32.self, at: 0) else { return .incomplete(needed: 4) }
///             return .value(number, used: 4)
///         }
///     }
///
/// A ``MessageDecoder`` finds where a message ends, and its handler parses the message; a value decoder does both in one
/// pass. Use it for protocols whose messages are nested or self-describing. A value that is large and that is used once
/// may hold ranges of the bytes instead of copies: ``ValueHandler/received(_:from:on:)`` gets both.
///
/// Each connection has its own copy. The bytes passed to ``decode(_:)`` begin where the last value ended. Until it
/// returns a value, it is called again with the same bytes and more after them, so it can keep what it has parsed; the
/// bytes of a returned value are not passed again. After an error it is not called again.
public protocol ValueDecoder {
    /// The type of the values.
    associatedtype Value

    /// Decodes a value at the beginning of `bytes`, which are not empty.
    ///
    /// A decoder has to check the peer's claims: as long as it returns ``DecodedValue/incomplete(needed:)``, all input is
    /// kept in memory.
    ///
    /// - Parameter bytes: the unprocessed input.
    /// - Returns: A value, or a request for more bytes.
    /// - Throws: ``FramingError`` when the bytes are malformed.
    mutating func decode(_ bytes: RawSpan) throws(FramingError) -> DecodedValue<Value>

    /// Decodes the unprocessed input, at least one byte, at the end of the stream.
    ///
    /// Default: throws ``FramingError/Kind/truncated``.
    mutating func decodeLast(_ bytes: RawSpan) throws(FramingError) -> DecodedValue<Value>
}

extension ValueDecoder {
    /// Throws ``FramingError/Kind/truncated``.
    public mutating func decodeLast(_ bytes: RawSpan) throws(FramingError) -> DecodedValue<Value> {
        throw FramingError(.truncated, "the stream ended \(bytes.byteCount) bytes into a message")
    }
}

/// The value of the message that is being delivered: set by the cutter, and taken when it is delivered.
final class ValueSlot<Value> {
    private var value: Value?

    func put(_ value: Value) { self.value = value }

    /// Returns the value of the last cut, which is not kept any longer.
    func take() -> Value {
        guard let value = value.take() else { preconditionFailure("a value is taken once for each cut") }
        return value
    }
}

/// Splits a stream as a value decoder does, so that values share the buffering, budgets and errors of all framings.
struct ValueCutter<Decoder: ValueDecoder>: MessageDecoder {
    private var decoder: Decoder
    private let slot: ValueSlot<Decoder.Value>

    /// Creates a cutter that puts the value of each message into `slot`.
    init(_ decoder: Decoder, into slot: ValueSlot<Decoder.Value>) { (self.decoder, self.slot) = (decoder, slot) }

    mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        cut(try decoder.decode(bytes), of: bytes.byteCount)
    }

    mutating func decodeLast(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        cut(try decoder.decodeLast(bytes), of: bytes.byteCount)
    }

    private func cut(_ result: DecodedValue<Decoder.Value>, of count: Int) -> MessageCut {
        switch result {
        case .value(let value, let used):
            precondition(used > 0 && used <= count, "a value has to consume at least one of the bytes, and no others")
            slot.put(value)
            return .message(0..<used, used: used)
        case .incomplete(let needed): return .incomplete(needed: needed)
        }
    }
}
