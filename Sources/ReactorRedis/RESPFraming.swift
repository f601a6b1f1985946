// Finds where a RESP value ends, without copying and without trusting the peer: a claimed length is compared with the
// limits before anything is allocated, and each byte is scanned once, however the input is split.
//
//     +text\r\n   -text\r\n   :number\r\n          a line
//     $length\r\n bytes \r\n                       that many bytes; $-1\r\n is the null string
//     *count\r\n value value ...                   that many values, possibly nested arrays; *-1\r\n is the null array

public import Reactor

/// The line that begins a value.
struct RESPHeader {
    enum Kind: UInt8 {
        case simple = 0x2b
        case error = 0x2d
        case integer = 0x3a
        case bulk = 0x24
        case array = 0x2a
    }

    static let maximumLine = 1_024
    let kind: Kind
    /// The range of the text between the type byte and the line's CRLF.
    let text: Range<Int>
    var end: Int { text.upperBound + 2 }

    /// Parses the complete line at an offset.
    ///
    /// - Throws: ``FramingError`` if the line is incomplete or malformed.
    init(_ bytes: RawSpan, at offset: Int) throws(FramingError) {
        guard let header = try RESPHeader(ifWhole: bytes, at: offset, searched: offset) else {
            throw FramingError(.truncated, "an incomplete value")
        }
        self = header
    }

    /// Parses the line at an offset; `nil` if it is still incomplete. No newline precedes `searched`.
    init?(ifWhole bytes: RawSpan, at offset: Int, searched: Int) throws(FramingError) {
        guard offset < bytes.byteCount else { return nil }
        guard let kind = Kind(rawValue: bytes.byte(at: offset)) else {
            throw FramingError(.malformed, "a value of the unknown kind \(bytes.byte(at: offset))")
        }
        let last = min(bytes.byteCount, offset + Self.maximumLine)
        guard let newline = (max(offset, searched)..<last).first(where: { bytes.byte(at: $0) == UInt8(ascii: "\n") })
        else {
            if bytes.byteCount - offset >= Self.maximumLine { throw FramingError(.tooLong, "an unterminated line") }
            return nil
        }
        guard newline > offset + 1, bytes.byte(at: newline - 1) == UInt8(ascii: "\r") else {
            throw FramingError(.malformed, "a newline without a carriage return")
        }
        self.kind = kind
        text = offset + 1..<newline - 1
    }

    /// Returns the length that the line claims; `nil` for -1, the null value.
    func length(_ bytes: RawSpan) throws(FramingError) -> Int? {
        let value = try integer(bytes)
        if value == -1 { return nil }
        guard let length = Int(exactly: value), length >= 0 else {
            throw FramingError(.invalidLength, "a length of \(value)")
        }
        return length
    }

    /// Returns the line's number: decimal digits with an optional minus sign, without leading zeros or `-0`.
    func integer(_ bytes: RawSpan) throws(FramingError) -> Int64 {
        let isNegative = !text.isEmpty && bytes.byte(at: text.lowerBound) == UInt8(ascii: "-")
        let digits = isNegative ? text.dropFirst() : text
        var value: Int64 = 0
        for index in digits {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(bytes.byte(at: index)) - 48
            let (sum, carried) = scaled.subtractingReportingOverflow(digit)
            guard 0...9 ~= digit, !overflow, !carried else { throw Self.noNumber }
            value = sum  // accumulated as a negative, because `Int64.min` has no positive counterpart
        }
        let isPadded = digits.count > 1 && bytes.byte(at: digits.lowerBound) == UInt8(ascii: "0")
        guard !digits.isEmpty, !isPadded, isNegative || value > .min, !(isNegative && value == 0) else {
            throw Self.noNumber
        }
        return isNegative ? value : -value
    }

    private static var noNumber: FramingError { FramingError(.malformed, "a malformed number") }
}

/// The framing of version 2 of the Redis serialization protocol (redis.io, "Redis serialization protocol
/// specification"). Each message is one complete value, which ``RESPValue/init(_:)`` parses.
///
///     try loop.connect(to: "127.0.0.1:6379", framing: RESPFraming()) { _ in Client() }
public struct RESPFraming: MessageDecoder {
    /// The maximum nesting depth of arrays.
    public static let maximumDepth = 4
    /// The maximum number of elements in one array.
    public static let maximumElements = 1_024
    /// The maximum length of one string, in bytes.
    public let maximumString: Int
    /// The maximum length of a complete value, in bytes.
    public let maximum: Int

    /// The number of values that each open array still lacks, innermost last.
    private var missing: [Int] = []
    /// The start of the value being scanned, and the position up to which it has been searched.
    private var start = 0
    private var searched = 0

    /// Creates a framing with these limits.
    ///
    /// - Parameters:
    ///   - maximumString: the maximum length of a string, in bytes. Default: 64 KiB.
    ///   - maximum: the maximum length of a complete value, in bytes. Default: 256 KiB.
    public init(maximumString: Int = 64 * 1024, maximum: Int = 256 * 1024) {
        self.maximumString = maximumString
        self.maximum = maximum
    }

    /// Finds the end of the next value.
    ///
    /// - Throws: ``FramingError`` for a malformed value, or one that exceeds a limit.
    public mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        while true {
            guard let header = try RESPHeader(ifWhole: bytes, at: start, searched: searched) else {
                searched = bytes.byteCount
                return .incomplete()
            }
            var end = header.end
            switch header.kind {
            case .simple, .error: break
            case .integer: _ = try header.integer(bytes)
            case .bulk:
                if let length = try header.length(bytes) {
                    if length > maximumString { throw FramingError(.tooLong, "a string of \(length) bytes") }
                    end += length + 2
                }
            case .array:
                if let count = try header.length(bytes), count > 0 {
                    if count > Self.maximumElements { throw FramingError(.tooLong, "an array of \(count) values") }
                    if missing.count >= Self.maximumDepth {
                        throw FramingError(.malformed, "arrays nested too deeply")
                    }
                    missing.append(count + 1)  // plus one for this header, which isWhole() counts
                }
            }
            if end > maximum { throw FramingError(.tooLong, "a value of more than \(maximum) bytes") }
            // The next call parses this header again; it is a short line.
            guard bytes.byteCount >= end else {
                searched = start
                return .incomplete(needed: end)
            }
            if end > header.end, bytes.byte(at: end - 2) != UInt8(ascii: "\r") || bytes.byte(at: end - 1) != 10 {
                throw FramingError(.invalidLength, "a string whose length differs from its header")
            }
            (start, searched) = (end, end)
            if isWhole() {
                (start, searched) = (0, 0)
                return .message(0..<end, used: end)
            }
        }
    }

    /// Accounts for a completed value and returns whether every enclosing array is complete, too.
    private mutating func isWhole() -> Bool {
        while let last = missing.last {
            if last > 1 {
                missing[missing.count - 1] = last - 1
                return false
            }
            missing.removeLast()
        }
        return true
    }
}
