// Interprets the fields that decide where a request ends and whether its connection persists: Host, Connection,
// Content-Length, Transfer-Encoding, Expect. Request smuggling exploits these (RFC 9112, 11.2), so anything unusual is
// rejected.

import Reactor

/// The framing that the fields of a head have declared so far.
struct HTTPFraming {
    private enum Transfer { case none, chunked, unknown }

    /// The number of fields seen.
    var count = 0
    private var hosts = 0
    private var length: Int?
    private var transfer = Transfer.none
    private var saysClose = false
    private var saysKeepAlive = false

    /// Consumes a field if it is a framing field; otherwise records in the head whether it is conditional or `Range`.
    ///
    /// - Returns: Whether the field was consumed.
    /// - Throws: ``HTTPRequestError`` if the value is malformed or not supported.
    @inline(__always)
    mutating func take(
        _ bytes: RawSpan, _ field: HTTPFieldPlace, _ head: inout HTTPRequestHead
    ) throws(HTTPRequestError) -> Bool {
        let name = field.name.range
        switch name.count {
        case 4 where bytes.isName("host", at: name):
            hosts &+= 1
            if !Self.isHost(bytes, field.value.range) { throw .malformed("malformed Host field") }
            return true
        case 6, 10, 14, 17: return try takeOther(bytes, name, field.value.range, &head)
        default:
            Self.noteCondition(bytes, name, &head)
            return false
        }
    }

    @inline(never)
    private mutating func takeOther(
        _ bytes: RawSpan, _ name: Range<Int>, _ value: Range<Int>, _ head: inout HTTPRequestHead
    ) throws(HTTPRequestError) -> Bool {
        if bytes.isName("connection", at: name) {
            for option in bytes.elements(value) {
                if bytes.isName("close", at: option) { saysClose = true }
                if bytes.isName("keep-alive", at: option) { saysKeepAlive = true }
            }
        } else if bytes.isName("content-length", at: name) {
            if length != nil { throw .malformed("more than one Content-Length field") }
            guard let number = bytes.decimal(at: value) else { throw .malformed("invalid Content-Length") }
            length = number
        } else if bytes.isName("transfer-encoding", at: name) {
            if transfer != .none { throw .malformed("more than one Transfer-Encoding field") }
            transfer = try Self.transfer(bytes, value)
        } else if bytes.isName("expect", at: name) {
            guard bytes.isName("100-continue", at: value) else {
                throw HTTPRequestError(417, "unknown expectation; only 100-continue is supported")
            }
            head.expectsContinue = true
        } else {
            Self.noteCondition(bytes, name, &head)
            return false
        }
        return true
    }

    @inline(__always)
    private static func noteCondition(
        _ bytes: RawSpan, _ name: Range<Int>, _ head: inout HTTPRequestHead
    ) {
        let first = bytes.byte(at: name.lowerBound) | 0x20
        if first == UInt8(ascii: "i") || first == UInt8(ascii: "r") {
            head.hasConditions = head.hasConditions || isCondition(bytes, name)
        }
    }

    private static func isCondition(_ bytes: RawSpan, _ name: Range<Int>) -> Bool {
        bytes.isName("range", at: name)
            || name.count > 3 && bytes.isName("if-", at: name.lowerBound..<name.lowerBound + 3)
    }

    /// Parses the transfer codings. Only `chunked` alone is supported. Another registered coding before it gives
    /// 501 (RFC 9112, 6.1); without a final `chunked` the end of the body is undefined.
    private static func transfer(_ bytes: RawSpan, _ value: Range<Int>) throws(HTTPRequestError) -> Transfer {
        if bytes.isName("chunked", at: value) { return .chunked }
        let codings = bytes.elements(value)
        guard let last = codings.last, bytes.isName("chunked", at: last) else {
            throw .malformed("the last transfer coding is not chunked")
        }
        for coding in codings.dropLast() {
            let isKnown =
                bytes.isName("gzip", at: coding) || bytes.isName("x-gzip", at: coding)
                || bytes.isName("deflate", at: coding) || bytes.isName("compress", at: coding)
                || bytes.isName("x-compress", at: coding)
            if !isKnown { throw .malformed("unknown or repeated transfer coding") }
        }
        if codings.count == 1 { throw .malformed("the list of transfer codings has empty elements") }
        return .unknown
    }

    /// Returns whether the bytes are a valid host with an optional port (RFC 3986, 3.2.2). Empty is valid: it stands
    /// for a URI without an authority.
    static func isHost(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
        // The fast path: letters, digits, dots and hyphens, then digits after a colon.
        let low: UInt64 = 0x03ff_6000_0000_0000
        let high: UInt64 = 0x07ff_fffe_07ff_fffe
        guard range.upperBound <= bytes.byteCount else { return false }
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = unsafe bytes.uncheckedByte(index)  // safe: below the end, which was compared with the span's
            let mask = byte < 64 ? low : high
            if byte >= 128 || mask >> UInt64(byte & 63) & 1 == 0 { break }
            index &+= 1
        }
        guard index < range.upperBound else { return true }
        // Safe: `index` is below the end, which was compared with the span's.
        if unsafe bytes.uncheckedByte(index) == UInt8(ascii: ":") {
            return isPort(bytes, index &+ 1..<range.upperBound)
        }
        return isUnusualHost(bytes, range)
    }

    @inline(__always)
    private static func isPort(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            // Safe: every caller has compared the end of the range with the span's.
            if unsafe HTTPByte.digit(bytes.uncheckedByte(index)) == nil { return false }
            index &+= 1
        }
        return true
    }

    /// Returns whether the bytes are an IP literal in brackets, or a name with less common characters.
    @inline(never)
    private static func isUnusualHost(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        if bytes.byte(at: index) == UInt8(ascii: "[") {
            index += 1
            while index < range.upperBound, bytes.byte(at: index) != UInt8(ascii: "]") {
                let byte = bytes.byte(at: index)
                guard HTTPByte.hexDigit(byte) != nil || ":.%".utf8.contains(byte) else { return false }
                index += 1
            }
            guard index < range.upperBound else { return false }
            index += 1
        } else {
            while index < range.upperBound, bytes.byte(at: index) != UInt8(ascii: ":") {
                let byte = bytes.byte(at: index)
                // Unreserved characters and sub-delims, except the comma, which would make the value look like a list.
                guard HTTPByte.isToken(byte) && !"#^`|".utf8.contains(byte) || "();=".utf8.contains(byte) else {
                    return false
                }
                index += 1
            }
        }
        if index == range.upperBound { return true }
        return bytes.byte(at: index) == UInt8(ascii: ":") && isPort(bytes, index + 1..<range.upperBound)
    }

    /// Completes the head: determines how the body is framed, and whether the connection persists.
    ///
    /// - Throws: ``HTTPRequestError`` if `Host` is missing or repeated, or the framing is ambiguous or not supported.
    @inline(__always)
    func apply(to head: inout HTTPRequestHead) throws(HTTPRequestError) {
        if hosts != 1 && (hosts > 1 || head.isVersion11) {
            throw .malformed(hosts == 0 ? "the Host field is missing" : "more than one Host field")
        }
        head.keepsAlive = !saysClose && (head.isVersion11 || saysKeepAlive)
        if transfer != .none || length != nil || head.expectsContinue { try applyBody(to: &head) }
    }

    @inline(never)
    private func applyBody(to head: inout HTTPRequestHead) throws(HTTPRequestError) {
        if transfer != .none {
            if length != nil { throw .malformed("both Content-Length and Transfer-Encoding are present") }
            if !head.isVersion11 { throw .malformed("HTTP/1.0 does not support transfer codings") }
            if transfer == .unknown {
                throw HTTPRequestError(501, "unsupported transfer coding; only chunked is supported")
            }
            head.body = .chunked
        } else if let length, length > 0 {
            head.body = .bytes(length)
        }
        // Ignored without a body, and from HTTP/1.0 clients, which do not support 100 (RFC 9110, 10.1.1).
        if head.body == .none || !head.isVersion11 { head.expectsContinue = false }
    }
}
