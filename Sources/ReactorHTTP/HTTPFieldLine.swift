// Parses a field line of a head or a trailer section (RFC 9112, 5): name, colon, value.

import Reactor

/// The parser of one field line.
enum HTTPFieldLine {
    /// Finds the name and the value of a field.
    ///
    /// - Parameters:
    ///   - bytes: the bytes that contain the line.
    ///   - line: the range of the line, without its CR LF; it must lie within `bytes`.
    /// - Returns: The places of name and value; the value is trimmed.
    /// - Throws: ``HTTPRequestError`` (400) if the line is malformed.
    @inline(__always)
    static func parse(_ bytes: RawSpan, _ line: Range<Int>) throws(HTTPRequestError) -> HTTPFieldPlace {
        let lineEnd = line.upperBound
        var index = line.lowerBound
        // Safe, here and below: every offset stays between the bounds of `line`, which the caller found within `bytes`.
        while index < lineEnd, unsafe HTTPByte.isToken(bytes.uncheckedByte(index)) { index &+= 1 }
        let nameEnd = index
        // Safe: `nameEnd` is compared with the end of the line first.
        guard nameEnd > line.lowerBound, nameEnd < lineEnd, unsafe bytes.uncheckedByte(nameEnd) == UInt8(ascii: ":")
        else {
            throw error(bytes, line, nameEnd)
        }
        var start = nameEnd &+ 1
        // Safe: `start` is below the end of the line, and `end - 1` is not below `start`.
        while start < lineEnd, unsafe isBlank(bytes.uncheckedByte(start)) { start &+= 1 }
        var end = lineEnd
        while end > start, unsafe isBlank(bytes.uncheckedByte(end &- 1)) { end &-= 1 }
        index = start
        while index < end {
            // Safe: eight bytes, or one, lie between `index` and the end of the value.
            if end &- index >= 8, unsafe HTTPByte.arePlain(bytes.uncheckedWord(index)) {
                index &+= 8
                continue
            }
            guard unsafe HTTPByte.isValue(bytes.uncheckedByte(index)) else {
                throw .malformed("a field value contains an invalid byte")
            }
            index &+= 1
        }
        return HTTPFieldPlace(name: HTTPPlace(line.lowerBound, nameEnd), value: HTTPPlace(start, end))
    }

    @inline(__always)
    private static func isBlank(_ byte: UInt8) -> Bool { byte == HTTPByte.space || byte == HTTPByte.tab }

    @inline(never)
    private static func error(_ bytes: RawSpan, _ line: Range<Int>, _ nameEnd: Int) -> HTTPRequestError {
        if nameEnd == line.lowerBound, nameEnd < line.upperBound, isBlank(bytes.byte(at: nameEnd)) {
            return .malformed("a field is folded onto a second line")
        }
        if nameEnd < line.upperBound, isBlank(bytes.byte(at: nameEnd)) {
            return .malformed("whitespace before the colon of a field")
        }
        return .malformed("malformed field line")
    }
}
