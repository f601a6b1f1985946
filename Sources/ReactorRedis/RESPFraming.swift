// Where a value of Redis's protocol ends, without a copy and without a promise believed: what a length claims is compared
// with what is allowed before anything is done about it, and each byte is looked at once, however it arrives.
//
//     +text\r\n   -text\r\n   :number\r\n          a line
//     $length\r\n bytes \r\n                       as many bytes; $-1\r\n is none
//     *count\r\n value value ...                   as many values, which may be arrays again; *-1\r\n is none

public import Reactor

/// A line that begins a value.
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
    /// Where the text behind the first byte lies, and where the line ends.
    let text: Range<Int>
    var end: Int { text.upperBound + 2 }

    /// - Throws: ``FramingError`` where there is no whole and sound line.
    init(_ bytes: RawSpan, at offset: Int) throws(FramingError) {
        guard let header = try RESPHeader(ifWhole: bytes, at: offset, searched: offset) else {
            throw FramingError(.truncated, "a value without its end")
        }
        self = header
    }

    /// `nil` while the line is not there as a whole; `searched` says from where on its end may be.
    init?(ifWhole bytes: RawSpan, at offset: Int, searched: Int) throws(FramingError) {
        guard offset < bytes.byteCount else { return nil }
        guard let kind = Kind(rawValue: bytes.byte(at: offset)) else {
            throw FramingError(.malformed, "a value of the unknown kind \(bytes.byte(at: offset))")
        }
        let last = min(bytes.byteCount, offset + Self.maximumLine)
        guard let newline = (max(offset, searched)..<last).first(where: { bytes.byte(at: $0) == UInt8(ascii: "\n") })
        else {
            if bytes.byteCount - offset >= Self.maximumLine { throw FramingError(.tooLong, "a line without its end") }
            return nil
        }
        guard newline > offset + 1, bytes.byte(at: newline - 1) == UInt8(ascii: "\r") else {
            throw FramingError(.malformed, "a newline without its carriage return")
        }
        self.kind = kind
        text = offset + 1..<newline - 1
    }

    /// The length that the line claims; `nil` for -1, which is nothing at all.
    func length(_ bytes: RawSpan) throws(FramingError) -> Int? {
        let value = try integer(bytes)
        if value == -1 { return nil }
        guard let length = Int(exactly: value), length >= 0 else {
            throw FramingError(.invalidLength, "a length of \(value)")
        }
        return length
    }

    /// The number that the line is: digits with nothing before them but a minus, and no zero that means nothing.
    func integer(_ bytes: RawSpan) throws(FramingError) -> Int64 {
        let isNegative = !text.isEmpty && bytes.byte(at: text.lowerBound) == UInt8(ascii: "-")
        let digits = isNegative ? text.dropFirst() : text
        var value: Int64 = 0
        for index in digits {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(bytes.byte(at: index)) - 48
            let (sum, carried) = scaled.subtractingReportingOverflow(digit)
            guard 0...9 ~= digit, !overflow, !carried else { throw Self.noNumber }
            value = sum  // below zero, where there is one number more
        }
        let isPadded = digits.count > 1 && bytes.byte(at: digits.lowerBound) == UInt8(ascii: "0")
        guard !digits.isEmpty, !isPadded, isNegative || value > .min, !(isNegative && value == 0) else {
            throw Self.noNumber
        }
        return isNegative ? value : -value
    }

    private static var noNumber: FramingError { FramingError(.malformed, "a number that is none") }
}

/// The framing of Redis's replies, version 2 of its protocol (redis.io, "Redis serialization protocol specification"). A
/// message is one whole value, which ``RESPValue/init(_:)`` reads.
///
///     try loop.connect(to: "127.0.0.1:6379", framing: RESPFraming()) { _ in Client() }
public struct RESPFraming: MessageDecoder {
    /// Arrays nested in each other, at most.
    public static let maximumDepth = 4
    /// Elements of one array, at most.
    public static let maximumElements = 1_024
    /// Bytes of one string, at most.
    public let maximumString: Int
    /// Bytes of a whole value, at most.
    public let maximum: Int

    /// What the arrays that have begun still lack, the innermost last.
    private var missing: [Int] = []
    /// Where the value that is looked at begins, and from where on it was not searched yet.
    private var start = 0
    private var searched = 0

    /// A framing with these limits.
    ///
    /// - Parameters:
    ///   - maximumString: bytes of a string. Default: 64 KiB.
    ///   - maximum: bytes of a whole value. Default: 256 KiB.
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
                        throw FramingError(.malformed, "too many arrays in arrays")
                    }
                    missing.append(count + 1)  // this header counts as one, below
                }
            }
            if end > maximum { throw FramingError(.tooLong, "a value of more than \(maximum) bytes") }
            // Asked again, the header is read again: it is a line of few bytes.
            guard bytes.byteCount >= end else {
                searched = start
                return .incomplete(needed: end)
            }
            if end > header.end, bytes.byte(at: end - 2) != UInt8(ascii: "\r") || bytes.byte(at: end - 1) != 10 {
                throw FramingError(.invalidLength, "a string of another length than it claims")
            }
            (start, searched) = (end, end)
            if isWhole() {
                (start, searched) = (0, 0)
                return .message(0..<end, used: end)
            }
        }
    }

    /// A value is complete: are all that it is a part of, too?
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
