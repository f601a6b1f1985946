// Parses a field line of a head or a trailer section (RFC 9112, 5): name, colon, value.

import Reactor

/// The parser of one field line.
enum HTTPFieldLine {
    /// Finds the name and the value of a field.
    ///
    /// - Parameters:
    ///   - bytes: the bytes that contain the line.
    ///   - line: the range of the line, without its CR LF.
    /// - Returns: The places of name and value; the value is trimmed.
    /// - Throws: ``HTTPRefusal`` (400) if the line is malformed.
    @inline(__always)
    static func parse(_ bytes: RawSpan, _ line: Range<Int>) throws(HTTPRefusal) -> HTTPFieldPlace {
        let lineEnd = line.upperBound
        var index = line.lowerBound
        while index < lineEnd, HTTPByte.isToken(bytes.known(index)) { index &+= 1 }
        let nameEnd = index
        guard nameEnd > line.lowerBound, nameEnd < lineEnd, bytes.known(nameEnd) == UInt8(ascii: ":") else {
            throw refusal(bytes, line, nameEnd)
        }
        var start = nameEnd &+ 1
        while start < lineEnd, isBlank(bytes.known(start)) { start &+= 1 }
        var end = lineEnd
        while end > start, isBlank(bytes.known(end &- 1)) { end &-= 1 }
        index = start
        while index < end {
            if end &- index >= 8, HTTPByte.arePlain(bytes.knownWord(index)) {
                index &+= 8
                continue
            }
            guard HTTPByte.isValue(bytes.known(index)) else {
                throw .malformed("a field value contains an invalid byte")
            }
            index &+= 1
        }
        return HTTPFieldPlace(name: HTTPPlace(line.lowerBound, nameEnd), value: HTTPPlace(start, end))
    }

    @inline(__always)
    private static func isBlank(_ byte: UInt8) -> Bool { byte == HTTPByte.space || byte == HTTPByte.tab }

    @inline(never)
    private static func refusal(_ bytes: RawSpan, _ line: Range<Int>, _ nameEnd: Int) -> HTTPRefusal {
        if nameEnd == line.lowerBound, nameEnd < line.upperBound, isBlank(bytes.byte(at: nameEnd)) {
            return .malformed("a field is folded onto a second line")
        }
        if nameEnd < line.upperBound, isBlank(bytes.byte(at: nameEnd)) {
            return .malformed("whitespace before the colon of a field")
        }
        return .malformed("malformed field line")
    }
}
