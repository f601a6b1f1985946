// Lines: messages that end with a newline.

/// Messages that end with a newline, `\n` or `\r\n`; neither is part of the message.
///
/// A carriage return belongs to the line ending only directly before the newline. No other byte is interpreted: a line
/// need not be UTF-8.
public struct LineFraming: MessageDecoder, MessageEncoder, Sendable {
    /// The line ending of lines that are written. Both are accepted when reading.
    public struct Terminator: Sendable, Hashable {
        fileprivate let hasCarriageReturn: Bool

        /// `\n`
        public static let newline = Terminator(hasCarriageReturn: false)
        /// `\r\n`, as in Internet protocols (RFC 5198).
        public static let carriageReturnNewline = Terminator(hasCarriageReturn: true)
    }

    private static let newline = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    private let maximum: Int
    private let terminator: Terminator
    private let endOfStreamEndsLine: Bool
    /// The number of bytes that have been searched and contain no newline.
    private var searched = 0

    /// Creates a framing with lines.
    ///
    /// - Parameters:
    ///   - maximum: the maximum length of a received line in bytes, without its ending. It is enforced while the line
    ///     is
    ///     still incomplete. Default: 64 KiB.
    ///   - terminator: the line ending to write. Default: `\n`.
    ///   - endOfStreamEndsLine: whether the end of the stream completes a line without a newline. Default: no, which
    ///     makes
    ///     it an error, because a complete last line looks the same as one whose sender died halfway, and half a
    ///     command may be a different command. Suitable where the stream is a text rather than a conversation.
    public init(
        maximum: Int = 64 * 1024, terminator: Terminator = .newline, endOfStreamEndsLine: Bool = false
    ) {
        self.maximum = min(max(0, maximum), .max / 2)
        self.terminator = terminator
        self.endOfStreamEndsLine = endOfStreamEndsLine
    }

    /// Finds the next newline, continuing where the last search ended.
    @inline(__always)
    public mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        guard let newline = bytes.offset(ofByte: Self.newline, from: searched) else {
            searched = bytes.byteCount
            if searched > maximum { try check(lengthOfLine(bytes, before: searched)) }
            return .incomplete()
        }
        searched = 0
        let length = lengthOfLine(bytes, before: newline)
        try check(length)
        return .message(0..<length, used: newline &+ 1)
    }

    /// Returns the remaining bytes as a line, if the end of the stream ends a line.
    public mutating func decodeLast(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        guard endOfStreamEndsLine else {
            throw FramingError(.truncated, "the stream ended \(bytes.byteCount) bytes into a line")
        }
        return .message(0..<lengthOfLine(bytes, before: bytes.byteCount), used: bytes.byteCount)
    }

    /// Returns the length of the line that ends at `end`. A final carriage return may belong to its ending.
    @inline(__always)
    private func lengthOfLine(_ bytes: RawSpan, before end: Int) -> Int {
        end > 0 && bytes.byte(at: end &- 1) == Self.carriageReturn ? end &- 1 : end
    }

    @inline(__always)
    private func check(_ length: Int) throws(FramingError) {
        if length > maximum { throw tooLong }
    }

    private var tooLong: FramingError { FramingError(.tooLong, "a line of more than \(maximum) bytes") }

    /// Writes a line and its ending.
    ///
    /// - Throws: ``FramingError/Kind/unsendable`` when the line contains a newline, or ends with a carriage return that
    ///   would become part of its ending.
    @discardableResult
    public func write(_ message: RawSpan, to connection: Connection) throws(FramingError) -> WriteResult {
        if message.offset(ofByte: Self.newline, from: 0) != nil {
            throw FramingError(.unsendable, "a line with a newline in it")
        }
        if terminator.hasCarriageReturn {
            let end: InlineArray<2, UInt8> = [Self.carriageReturn, Self.newline]
            return connection.write(message, then: unsafe end.span.bytes)  // safe: bytes have no padding
        }
        if lengthOfLine(message, before: message.byteCount) < message.byteCount {
            throw FramingError(.unsendable, "a line that ends with a carriage return")
        }
        let end: InlineArray<1, UInt8> = [Self.newline]
        return connection.write(message, then: unsafe end.span.bytes)  // safe: as above
    }
}

extension MessageDecoder where Self == LineFraming {
    /// Lines that end with `\n` or `\r\n`, at most `maximum` bytes without the ending.
    public static func lines(maximum: Int = 64 * 1024) -> LineFraming { LineFraming(maximum: maximum) }
}
