// Maps the path of a request target to the path of a file: decodes percent escapes strictly (RFC 3986, 2.1) and rejects
// dot segments, so that every file has exactly one path. It is not the sandbox: the kernel keeps paths beneath the
// directory (`ServedDirectory`).

import Reactor
import ServedFiles

/// Decoding and encoding of paths.
enum HTTPPath {
    /// Decodes a path.
    ///
    /// - Parameters:
    ///   - bytes: the bytes that contain the path.
    ///   - range: the range of the path.
    ///   - isEncoded: whether the path contains percent signs.
    /// - Throws: ``HTTPRequestError`` (400) for input that clients do not send: invalid escapes, control characters
    ///   including zero bytes, an encoded slash, and the segments `.` and `..`, which clients remove (RFC 3986, 5.2.4).
    static func decode(_ bytes: RawSpan, _ range: Range<Int>, isEncoded: Bool) throws(HTTPRequestError) -> [UInt8] {
        let path = isEncoded ? try decodeEscapes(bytes, range) : bytes.bytes(at: range)
        try check(path)
        return path
    }

    private static func decodeEscapes(_ bytes: RawSpan, _ range: Range<Int>) throws(HTTPRequestError) -> [UInt8] {
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
            else { throw .malformed("the path contains an invalid percent escape") }
            let value = UInt8(high << 4 | low)
            if value < 0x20 || value == 0x7f { throw .malformed("the path contains a control character") }
            if value == UInt8(ascii: "/") { throw .malformed("the path contains an encoded slash") }
            result.append(value)
            index += 2
        }
        return result
    }

    /// Rejects the segments `.` and `..`.
    private static func check(_ path: [UInt8]) throws(HTTPRequestError) {
        let (dot, slash) = (UInt8(ascii: "."), UInt8(ascii: "/"))
        var start = 0
        for index in 0...path.count where index == path.count || path[index] == slash {
            let length = index - start
            if length > 0, length <= 2, path[start] == dot, path[index - 1] == dot {
                throw .malformed("the path contains a dot segment")
            }
            start = index + 1
        }
    }

    /// Encodes a path for a URL: every byte except unreserved characters and slashes is escaped.
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
