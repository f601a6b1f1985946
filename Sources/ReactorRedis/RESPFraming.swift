// Parses a stream of RESP values without trusting the peer: a claimed length is compared with the limits before anything
// is allocated, and each value is parsed once, however the input is split.
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

    /// Parses the line at an offset; `nil` if it is still incomplete. No newline precedes `searched`.
    init?(ifWhole bytes: RawSpan, at offset: Int, searched: Int) throws(FramingError) {
        guard offset < bytes.byteCount else { return nil }
        guard let kind = Kind(rawValue: bytes.byte(at: offset)) else {
            throw FramingError(.malformed, "a value of the unknown kind \(bytes.byte(at: offset))")
        }
        let last = min(bytes.byteCount, offset + Self.maximumLine)
        let line = bytes.extracting(..<last)
        guard let newline = line.firstOffset(of: UInt8(ascii: "\n"), from: max(offset, searched)) else {
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
/// specification"). It parses each value while it finds its end.
///
///     try loop.connect(to: "127.0.0.1:6379", handler: { _ in Client().framed(by: RESPFraming()) }, failed: { ... })
public struct RESPFraming: ValueDecoder {
    /// The maximum nesting depth of arrays.
    public static let maximumDepth = 4
    /// The maximum number of elements in one array.
    public static let maximumElements = 1_024
    /// The maximum length of one string, in bytes.
    public let maximumString: Int
    /// The maximum length of a complete value, in bytes.
    public let maximum: Int

    /// An array whose header has been parsed.
    private struct OpenArray {
        let count: Int
        var elements: [RESPValue] = []
    }

    /// The arrays that still lack elements, innermost last.
    private var open: [OpenArray] = []
    /// The start of the value being parsed, and the position up to which it has been searched.
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

    /// Parses the next value, continuing with the first element that has not been parsed yet.
    ///
    /// - Throws: ``FramingError`` for a malformed value, or one that exceeds a limit.
    public mutating func decode(_ bytes: RawSpan) throws(FramingError) -> DecodedValue<RESPValue> {
        while true {
            guard let header = try RESPHeader(ifWhole: bytes, at: start, searched: searched) else {
                searched = bytes.byteCount
                return .incomplete()
            }
            if header.end > maximum { throw tooLong }
            var end = header.end
            let value: RESPValue
            switch header.kind {
            case .simple: value = .simple(Array(bytes.extracting(header.text)))
            case .error: value = .error(Array(bytes.extracting(header.text)))
            case .integer: value = .integer(try header.integer(bytes))
            case .bulk:
                if let length = try header.length(bytes) {
                    if length > maximumString { throw FramingError(.tooLong, "a string of \(length) bytes") }
                    end += length + 2
                    if end > maximum { throw tooLong }
                    // The next call parses this header again; it is a short line.
                    guard bytes.byteCount >= end else {
                        searched = start
                        return .incomplete(needed: end)
                    }
                    guard bytes.extracting(end - 2..<end).equals("\r\n") else {
                        throw FramingError(.invalidLength, "a string whose length differs from its header")
                    }
                    value = .bulk(Array(bytes.extracting(header.end..<end - 2)))
                } else {
                    value = .bulk(nil)
                }
            case .array:
                guard let count = try header.length(bytes) else {
                    value = .array(nil)
                    break
                }
                if count > Self.maximumElements { throw FramingError(.tooLong, "an array of \(count) values") }
                if count > 0 {
                    if open.count >= Self.maximumDepth { throw FramingError(.malformed, "arrays nested too deeply") }
                    open.append(OpenArray(count: count))
                    (start, searched) = (end, end)
                    continue
                }
                value = .array([])
            }
            (start, searched) = (end, end)
            if let whole = close(value) {
                (start, searched) = (0, 0)
                return .value(whole, used: end)
            }
        }
    }

    private var tooLong: FramingError { FramingError(.tooLong, "a value of more than \(maximum) bytes") }

    /// Adds a value to the innermost open array, and closes the arrays that it completes; returns the outermost value, or
    /// `nil` if it is incomplete.
    private mutating func close(_ value: RESPValue) -> RESPValue? {
        var value = value
        while !open.isEmpty {
            open[open.count - 1].elements.append(value)
            if open[open.count - 1].elements.count < open[open.count - 1].count { return nil }
            value = .array(open.removeLast().elements)
        }
        return value
    }
}
