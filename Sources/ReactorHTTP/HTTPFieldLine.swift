// A field's line, in a head or in the trailer section of a chunked body (RFC 9112, 5): name, colon, value. Takes bytes.

import Reactor

/// A line that is a field.
enum HTTPFieldLine {
    /// Finds name and value of a field.
    ///
    /// - Parameter line: without the CR LF at its end.
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
                throw .malformed("a field's value has a byte that none may have")
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
            return .malformed("a field goes on in a second line")
        }
        if nameEnd < line.upperBound, isBlank(bytes.byte(at: nameEnd)) {
            return .malformed("a space stands before a field's colon")
        }
        return .malformed("a line of the head is no field")
    }
}
