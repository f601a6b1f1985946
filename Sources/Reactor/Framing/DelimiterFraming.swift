// Messages that end with a delimiter: a sequence of bytes that does not occur within them.

/// Messages that end with a delimiter of one or more bytes, which is not part of the message.
///
/// A message ends at the first delimiter: with `--`, the bytes `a---b--` are the messages `a` and `-b`.
public struct DelimiterFraming: MessageDecoder, MessageEncoder, Sendable {
    private let delimiter: [UInt8]
    private let maximum: Int
    /// The number of bytes that have been searched: the delimiter begins at none of them.
    private var searched = 0

    /// Creates a framing with a delimiter.
    ///
    /// - Parameters:
    ///   - delimiter: the delimiter, at least one byte.
    ///   - maximum: the maximum length of a received message in bytes, without the delimiter. It is enforced while the
    ///     message is still incomplete. Default: 64 KiB.
    public init(_ delimiter: [UInt8], maximum: Int = 64 * 1024) {
        precondition(!delimiter.isEmpty, "a delimiter has at least one byte")
        self.delimiter = delimiter
        self.maximum = min(max(0, maximum), .max / 2)
    }

    /// Finds the next delimiter, continuing where the last search ended.
    public mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        guard let end = firstDelimiter(in: bytes, from: searched) else {
            // The last bytes may be the beginning of a delimiter.
            searched = max(searched, bytes.byteCount - delimiter.count + 1)
            try check(searched)
            return .incomplete()
        }
        searched = 0
        try check(end)
        return .message(0..<end, used: end + delimiter.count)
    }

    private func check(_ length: Int) throws(FramingError) {
        if length > maximum { throw FramingError(.tooLong, "a message of more than \(maximum) bytes") }
    }

    private func firstDelimiter(in bytes: RawSpan, from start: Int) -> Int? {
        if delimiter.count == 1 { return bytes.offset(ofByte: delimiter[0], from: start) }
        return unsafe bytes.offset(ofPattern: delimiter.span.bytes, from: start)  // safe: bytes have no padding
    }

    /// Writes a message and the delimiter.
    ///
    /// - Throws: ``FramingError/Kind/unsendable`` when the peer would find the delimiter earlier: within the message,
    ///   or across its end.
    @discardableResult
    public func write(_ message: RawSpan, to connection: Connection) throws(FramingError) -> WriteResult {
        if firstDelimiter(in: message, from: 0) != nil || endsWithBeginningOfDelimiter(message) {
            throw FramingError(.unsendable, "a message with the delimiter in it")
        }
        return connection.write(message, then: unsafe delimiter.span.bytes)  // safe: bytes have no padding
    }

    /// Returns whether the message's last bytes and the delimiter's first ones form a delimiter, as `-` and `--` do.
    private func endsWithBeginningOfDelimiter(_ message: RawSpan) -> Bool {
        (1..<delimiter.count).contains { count in
            count <= message.byteCount
                && (0..<count).allSatisfy { message.byte(at: message.byteCount - count + $0) == delimiter[$0] }
                && delimiter[count...].elementsEqual(delimiter[..<(delimiter.count - count)])
        }
    }
}

extension MessageDecoder where Self == DelimiterFraming {
    /// Messages that end with `delimiter`, at most `maximum` bytes without it.
    public static func delimited(by delimiter: [UInt8], maximum: Int = 64 * 1024) -> DelimiterFraming {
        DelimiterFraming(delimiter, maximum: maximum)
    }
}
