// Parses request heads (RFC 9112, 2 to 5), incrementally and without copying; each byte is read at most twice, however
// the input is split. The parser is strict: it rejects everything that two parsers might interpret differently.
//
//     request line --> fields --empty line--> complete (the head, until the next parse begins)
//          +-------------+------ any error ------> HTTPRequestError, final: the next request's start is unknown
//
// Lines end with CR LF and nothing else; fields are not folded and have no space before the colon; lengths are digits.

import Reactor

/// A parser of consecutive request heads.
struct HTTPRequestParser {
    private enum Stage { case start, requestLine, fields, complete }

    /// The parsed head. Complete once ``parse(_:)`` has returned `true`.
    private(set) var head = HTTPRequestHead()
    private var framing = HTTPFraming()
    private let requestLineBytes: Int
    private let headBytes: Int
    private let fieldCount: Int
    private var stage = Stage.start
    /// The offset at which the current line begins.
    private var lineStart = 0
    /// The offset up to which the input was searched for a newline.
    private var searched = 0

    init(_ limits: HTTPLimits = HTTPLimits()) {
        requestLineBytes = limits.requestLineBytes
        headBytes = min(limits.headBytes, Int(UInt16.max))
        fieldCount = limits.fields
    }

    /// Continues parsing.
    ///
    /// - Parameter bytes: the input from the first byte of the request. After `false`, pass the same bytes with more
    ///   appended; after `true`, pass the next request.
    /// - Returns: Whether ``head`` is complete.
    /// - Throws: ``HTTPRequestError`` if the head is malformed or exceeds a limit; the parser must not be used afterwards.
    @inline(never)
    mutating func parse(_ bytes: RawSpan) throws(HTTPRequestError) -> Bool {
        if stage == .complete || stage == .start { begin() }
        while let newline = bytes.newline(from: searched) {
            let end = newline &- 1
            // Safe: `end` is the offset before a newline that was found in these bytes, and not below `lineStart`.
            guard end >= lineStart, unsafe bytes.uncheckedByte(end) == HTTPByte.carriageReturn else {
                throw .malformed("a line ends with LF instead of CR LF")
            }
            if newline >= headBytes { throw tooLong(stage == .requestLine) }
            let line = lineStart..<end
            lineStart = newline &+ 1
            searched = lineStart
            if stage == .fields {
                if line.isEmpty {
                    head.byteCount = lineStart
                    try framing.apply(to: &head)
                    stage = .complete
                    return true
                }
                try parseField(bytes, line)
            } else if !line.isEmpty {
                try parseRequestLine(bytes, line)
                stage = .fields
            } else if line.lowerBound > 0 {
                throw .malformed("more than one empty line before the request line")  // one is ignored (RFC 9112, 2.2)
            }
        }
        searched = bytes.byteCount
        let length = searched &- lineStart
        if stage == .requestLine && length > requestLineBytes &+ 1 { throw tooLong(true) }
        if searched >= headBytes { throw tooLong(stage == .requestLine) }
        return false
    }

    private mutating func begin() {
        head.reset()
        framing = HTTPFraming()
        (stage, lineStart, searched) = (.requestLine, 0, 0)
    }

    private func tooLong(_ isRequestLine: Bool) -> HTTPRequestError {
        isRequestLine
            ? HTTPRequestError(414, "the request line is too long") : HTTPRequestError(431, "the head is too large")
    }

    // MARK: The request line

    @inline(__always)
    private mutating func parseRequestLine(_ bytes: RawSpan, _ line: Range<Int>) throws(HTTPRequestError) {
        if line.count > requestLineBytes { throw tooLong(true) }
        let lineEnd = line.upperBound
        var index = line.lowerBound
        // Safe: more than eight bytes of the line, which was found in `bytes`, follow.
        if unsafe lineEnd &- index > 8 && bytes.uncheckedWord(index) & 0xffff_ffff == 0x2054_4547 {  // "GET "
            head.method = .get
            index &+= 3
        } else {
            // Safe: `index` is compared with the end of the line first, in both lines.
            while index < lineEnd, unsafe HTTPByte.isToken(bytes.uncheckedByte(index)) { index &+= 1 }
            guard index > line.lowerBound, index < lineEnd, unsafe bytes.uncheckedByte(index) == HTTPByte.space else {
                throw .malformed("the request line does not begin with a method and a space")
            }
            head.method = HTTPMethods.known(bytes, line.lowerBound..<index)
        }
        let start = index &+ 1
        index = start
        // The same pass finds the end of the path, at a question mark, and whether it is encoded.
        var pathEnd = 0
        while index < lineEnd {
            let byte = unsafe bytes.uncheckedByte(index)  // safe: below the end of the line
            if !HTTPByte.isTarget(byte) { break }
            if byte == UInt8(ascii: "%") {
                if pathEnd == 0 { head.pathIsEncoded = true }
            } else if byte == UInt8(ascii: "?") && pathEnd == 0 {
                pathEnd = index
            }
            index &+= 1
        }
        // Safe: `index` is compared with the end of the line first.
        guard index > start, index < lineEnd, unsafe bytes.uncheckedByte(index) == HTTPByte.space else {
            throw .malformed("the request target is missing or contains an invalid byte")
        }
        try parseVersion(bytes, index &+ 1..<lineEnd)
        head.target = HTTPPlace(start, index)
        let end = pathEnd == 0 ? index : pathEnd
        // Safe: `start` is below `index`, which is below the end of the line.
        if unsafe bytes.uncheckedByte(start) == UInt8(ascii: "/") {
            head.path = HTTPPlace(start, end)
        } else {
            try parseOtherTarget(bytes, start..<index, end)
        }
    }

    @inline(__always)
    private mutating func parseVersion(_ bytes: RawSpan, _ range: Range<Int>) throws(HTTPRequestError) {
        guard range.count == 8 else { throw .malformed("the request line does not end with a version") }
        let version = unsafe bytes.uncheckedWord(range.lowerBound)  // safe: the range is eight bytes of the line
        if version == 0x312e_312f_5054_5448 {  // HTTP/1.1
            head.isVersion11 = true
        } else if version != 0x302e_312f_5054_5448 {  // HTTP/1.0
            try parseOtherVersion(version)
        }
    }

    @inline(never)
    private mutating func parseOtherVersion(_ version: UInt64) throws(HTTPRequestError) {
        let (major, minor) = (UInt8(truncatingIfNeeded: version >> 40), UInt8(truncatingIfNeeded: version >> 56))
        guard version & 0x00ff_00ff_ffff_ffff == 0x002e_002f_5054_5448, let major = HTTPByte.digit(major),
            HTTPByte.digit(minor) != nil
        else { throw .malformed("the request line does not end with a version") }
        if major != 1 { throw HTTPRequestError(505, "unsupported HTTP version; use HTTP/1.1") }
        head.isVersion11 = true  // a later minor version (RFC 9110, 2.5)
    }

    /// Parses the other forms of a target: `*`, a full URL (RFC 9112, 3.2.2), or an authority (CONNECT).
    @inline(never)
    private mutating func parseOtherTarget(
        _ bytes: RawSpan, _ target: Range<Int>, _ pathEnd: Int
    ) throws(HTTPRequestError) {
        if bytes.equals([UInt8(ascii: "*")], at: target) && head.method == .options { return }
        if head.method == .other && bytes.isName("connect", at: 0..<min(7, target.lowerBound)) { return }
        for (scheme, length) in [("http://", 7), ("https://", 8)] as [(StaticString, Int)]
        where target.count > length && bytes.isName(scheme, at: target.lowerBound..<target.lowerBound + length) {
            let start = target.lowerBound + length
            var end = start
            while end < pathEnd, bytes.byte(at: end) != UInt8(ascii: "/") { end += 1 }
            guard end > start, HTTPFraming.isHost(bytes, start..<end) else { break }
            // A URL without a path stands for `/`; the last slash before the host serves as its one byte.
            head.path = end == pathEnd ? HTTPPlace(start - 1, start) : HTTPPlace(end, pathEnd)
            head.pathIsEncoded = head.pathIsEncoded && bytes.contains(UInt8(ascii: "%"), at: head.path.range)
            return
        }
        throw .malformed("invalid request target")
    }

    // MARK: Fields

    @inline(__always)
    private mutating func parseField(_ bytes: RawSpan, _ line: Range<Int>) throws(HTTPRequestError) {
        let field = try HTTPFieldLine.parse(bytes, line)
        framing.count &+= 1
        if framing.count > fieldCount { throw HTTPRequestError(431, "the head has too many fields") }
        if try framing.take(bytes, field, &head) { return }
        head.fields.append(field)
    }
}

/// The mapping of method names.
enum HTTPMethods {
    /// Returns the method that these bytes name; names are case-sensitive.
    static func known(_ bytes: RawSpan, _ range: Range<Int>) -> HTTPKnownMethod {
        switch String(decoding: bytes.bytes(at: range), as: UTF8.self) {
        case "GET": .get
        case "HEAD": .head
        case "POST": .post
        case "OPTIONS": .options
        case "PUT", "DELETE", "CONNECT", "TRACE", "PATCH": .other
        default: .unknown
        }
    }
}

extension RawSpan {
    fileprivate func contains(_ byte: UInt8, at range: Range<Int>) -> Bool {
        for index in range where self.byte(at: index) == byte { return true }
        return false
    }
}
