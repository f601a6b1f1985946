// Lines: messages that end with a newline.

/// Messages that end with a newline, `\n` or `\r\n`; neither is part of the message.
///
/// A carriage return belongs to the end of a line only right before the newline. Bytes are not looked at otherwise: a
/// line need not be UTF-8.
public struct LineFraming: MessageDecoder, MessageEncoder, Sendable {
    /// What a line is written with. Both are read.
    public struct Terminator: Sendable, Hashable {
        fileprivate let hasCarriageReturn: Bool

        /// `\n`
        public static let newline = Terminator(hasCarriageReturn: false)
        /// `\r\n`, as the protocols of the Internet have it (RFC 5198).
        public static let carriageReturnNewline = Terminator(hasCarriageReturn: true)
    }

    private static let newline = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    private let maximum: Int
    private let terminator: Terminator
    private let endOfStreamEndsLine: Bool
    /// How many of the bytes at hand are known to hold no newline.
    private var searched = 0

    /// A framing by lines.
    ///
    /// - Parameters:
    ///   - maximum: bytes of a line that is read, without its end. Checked while it is still incomplete. Default:
    ///     64 KiB.
    ///   - terminator: what lines are written with.
    ///   - endOfStreamEndsLine: whether what follows the last newline is a line too when the stream ends. Default: no,
    ///     an error: nobody can tell a last line from the half of one whose sender died, and half a command is another
    ///     command. Right where the stream is a text rather than a conversation.
    public init(
        maximum: Int = 64 * 1024, terminator: Terminator = .newline, endOfStreamEndsLine: Bool = false
    ) {
        self.maximum = min(max(0, maximum), .max / 2)
        self.terminator = terminator
        self.endOfStreamEndsLine = endOfStreamEndsLine
    }

    /// Looks for the next newline from where the last look ended.
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

    /// Takes what is left for a line, if that was asked for.
    public mutating func decodeLast(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        guard endOfStreamEndsLine else {
            throw FramingError(.truncated, "the stream ended \(bytes.byteCount) bytes into a line")
        }
        return .message(0..<lengthOfLine(bytes, before: bytes.byteCount), used: bytes.byteCount)
    }

    /// How long the line is that ends before this offset. A carriage return at the very end may belong to what ends it.
    @inline(__always)
    private func lengthOfLine(_ bytes: RawSpan, before end: Int) -> Int {
        end > 0 && bytes.byte(at: end &- 1) == Self.carriageReturn ? end &- 1 : end
    }

    @inline(__always)
    private func check(_ length: Int) throws(FramingError) {
        if length > maximum { throw tooLong }
    }

    private var tooLong: FramingError { FramingError(.tooLong, "a line of more than \(maximum) bytes") }

    /// Writes a line and its end.
    ///
    /// - Throws: ``FramingError/Kind/unsendable`` when there is a newline in the line, or a carriage return at its end
    ///   that would be taken for a part of the line's end.
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
    /// Lines that end with `\n` or `\r\n`, of at most so many bytes without that.
    public static func lines(maximum: Int = 64 * 1024) -> LineFraming { LineFraming(maximum: maximum) }
}
