// The fields that decide where a request ends and what becomes of its connection: Host, Connection, Content-Length,
// Transfer-Encoding, Expect. This is where requests are smuggled (RFC 9112, 11.2): whatever is unusual is refused. It takes
// bytes, and knows no socket.

import Reactor

/// What a head's fields have said about framing so far.
struct HTTPFraming {
    private enum Transfer { case none, chunked, unknown }

    /// Fields that were counted.
    var count = 0
    private var hosts = 0
    private var length: Int?
    private var transfer = Transfer.none
    private var saysClose = false
    private var saysKeepAlive = false

    /// Takes a field, if it is one of these; notes in the head whether it is one of those that decide what is sent.
    @inline(__always)
    mutating func take(
        _ bytes: RawSpan, _ field: HTTPFieldPlace, _ head: inout HTTPRequestHead
    ) throws(HTTPRefusal) -> Bool {
        let name = field.name.range
        switch name.count {
        case 4 where bytes.isName("host", at: name):
            hosts &+= 1
            if !Self.isHost(bytes, field.value.range) { throw .malformed("the Host field is no host") }
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
    ) throws(HTTPRefusal) -> Bool {
        if bytes.isName("connection", at: name) {
            for option in bytes.elements(value) {
                if bytes.isName("close", at: option) { saysClose = true }
                if bytes.isName("keep-alive", at: option) { saysKeepAlive = true }
            }
        } else if bytes.isName("content-length", at: name) {
            if length != nil { throw .malformed("there are two lengths") }
            guard let number = bytes.decimal(at: value) else { throw .malformed("the Content-Length is no number") }
            length = number
        } else if bytes.isName("transfer-encoding", at: name) {
            if transfer != .none { throw .malformed("there are two transfer codings") }
            transfer = try Self.transfer(bytes, value)
        } else if bytes.isName("expect", at: name) {
            guard bytes.isName("100-continue", at: value) else {
                throw HTTPRefusal(417, "nothing but 100-continue may be expected")
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

    /// The transfer codings: `chunked` alone is what we know. One that we do not know may come before it, and is answered
    /// 501 (RFC 9112, 6.1); without `chunked` at the end nobody knows where the body ends.
    private static func transfer(_ bytes: RawSpan, _ value: Range<Int>) throws(HTTPRefusal) -> Transfer {
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
            if !isKnown { throw .malformed("a transfer coding is none, or comes twice") }
        }
        if codings.count == 1 { throw .malformed("the list of transfer codings has empty places") }
        return .unknown
    }

    /// Whether these bytes are a host, with or without a port (RFC 3986, 3.2.2), or nothing, which a URI without an
    /// authority has.
    static func isHost(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
        // Letters, digits, dots and hyphens, and digits after a colon: almost always.
        let low: UInt64 = 0x03ff_6000_0000_0000
        let high: UInt64 = 0x07ff_fffe_07ff_fffe
        guard range.upperBound <= bytes.byteCount else { return false }
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = bytes.known(index)
            let mask = byte < 64 ? low : high
            if byte >= 128 || mask >> UInt64(byte & 63) & 1 == 0 { break }
            index &+= 1
        }
        guard index < range.upperBound else { return true }
        if bytes.known(index) == UInt8(ascii: ":") { return isPort(bytes, index &+ 1..<range.upperBound) }
        return isUnusualHost(bytes, range)
    }

    @inline(__always)
    private static func isPort(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            if HTTPByte.digit(bytes.known(index)) == nil { return false }
            index &+= 1
        }
        return true
    }

    /// An IP literal in brackets, or a name with the other characters that one may have.
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
                // Unreserved characters and subordinate delimiters, but no comma, which would make it look like a list.
                guard HTTPByte.isToken(byte) && !"#^`|".utf8.contains(byte) || "();=".utf8.contains(byte) else {
                    return false
                }
                index += 1
            }
        }
        if index == range.upperBound { return true }
        return bytes.byte(at: index) == UInt8(ascii: ":") && isPort(bytes, index + 1..<range.upperBound)
    }

    /// The head is over: what its body is, and whether the connection goes on.
    @inline(__always)
    func apply(to head: inout HTTPRequestHead) throws(HTTPRefusal) {
        if hosts != 1 && (hosts > 1 || head.isVersion11) {
            throw .malformed(hosts == 0 ? "the Host field is missing" : "there are two Host fields")
        }
        head.keepsAlive = !saysClose && (head.isVersion11 || saysKeepAlive)
        if transfer != .none || length != nil || head.expectsContinue { try applyBody(to: &head) }
    }

    @inline(never)
    private func applyBody(to head: inout HTTPRequestHead) throws(HTTPRefusal) {
        if transfer != .none {
            if length != nil { throw .malformed("there is a length as well as a transfer coding") }
            if !head.isVersion11 { throw .malformed("HTTP/1.0 knows no transfer codings") }
            if transfer == .unknown { throw HTTPRefusal(501, "of transfer codings, only chunked is understood") }
            head.body = .chunked
        } else if let length, length > 0 {
            head.body = .bytes(length)
        }
        // There is nothing to wait for, or nobody who would understand (RFC 9110, 10.1.1).
        if head.body == .none || !head.isVersion11 { head.expectsContinue = false }
    }
}
