// From the path of a target to the path of a file: percent signs decoded (RFC 3986, 2.1), strictly, and nothing let pass
// that could mean another directory. That no path leads out of the directory is the kernel's promise (`ServedDirectory`);
// this is so that every file has one name.

import Reactor
import ServedFiles

/// The path of a request's target.
enum HTTPPath {
    /// The bytes of a path, decoded.
    ///
    /// - Parameter isEncoded: whether there are percent signs.
    /// - Throws: ``HTTPRefusal`` for what no client sends: broken escapes, a zero byte or another control character, a slash
    ///   that is encoded, and the segments `.` and `..`, which clients take out themselves (RFC 3986, 5.2.4).
    static func decode(_ bytes: RawSpan, _ range: Range<Int>, isEncoded: Bool) throws(HTTPRefusal) -> [UInt8] {
        let path = isEncoded ? try decodeEscapes(bytes, range) : bytes.bytes(at: range)
        try check(path)
        return path
    }

    private static func decodeEscapes(_ bytes: RawSpan, _ range: Range<Int>) throws(HTTPRefusal) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = bytes.byte(at: index)
            index += 1
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            guard range.upperBound - index >= 2, let high = HTTPByte.hexDigit(bytes.byte(at: index)),
                let low = HTTPByte.hexDigit(bytes.byte(at: index + 1))
            else { throw .malformed("the path has a broken percent sign") }
            let value = UInt8(high << 4 | low)
            if value < 0x20 || value == 0x7f { throw .malformed("the path has a control character") }
            if value == UInt8(ascii: "/") { throw .malformed("the path has a slash that is encoded") }
            result.append(value)
            index += 2
        }
        return result
    }

    /// Looks for segments that mean another directory.
    private static func check(_ path: [UInt8]) throws(HTTPRefusal) {
        let (dot, slash) = (UInt8(ascii: "."), UInt8(ascii: "/"))
        var start = 0
        for index in 0...path.count where index == path.count || path[index] == slash {
            let length = index - start
            if length > 0, length <= 2, path[start] == dot, path[index - 1] == dot {
                throw .malformed("the path has a segment of dots")
            }
            start = index + 1
        }
    }

    /// The path as it may stand in a URL: what is no unreserved character or slash is escaped.
    static func encode(_ path: [UInt8]) -> String {
        var result = ""
        for byte in path {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }
}
