// What a request's head says: its framing, and where its parts lie in the bytes that were parsed. It holds no bytes itself,
// so that a request costs no allocation.

/// A place in the bytes of a head, which has at most 65,535.
struct HTTPPlace: BitwiseCopyable {
    var start: UInt16 = 0
    var end: UInt16 = 0

    init() {}

    init(_ start: Int, _ end: Int) {
        self.start = UInt16(truncatingIfNeeded: start)
        self.end = UInt16(truncatingIfNeeded: end)
    }

    var isEmpty: Bool { start == end }
    var range: Range<Int> { Int(start)..<Int(end) }
}

/// A field, as two places.
struct HTTPFieldPlace: BitwiseCopyable {
    let name: HTTPPlace
    let value: HTTPPlace
}

/// The methods as the server tells them apart. (`HTTPRequest.Method` is a string, and comparing strings costs more than all
/// the rest of a request.)
enum HTTPKnownMethod: UInt8 {
    case get, head, post, options
    /// Registered, and not for files: PUT, DELETE, CONNECT, TRACE, PATCH.
    case other
    /// Nothing that we know.
    case unknown
}

/// How a request's body ends.
enum HTTPBodyLength: Equatable {
    case none
    /// After so many bytes, at least one.
    case bytes(Int)
    /// Where its last chunk does.
    case chunked
}

/// A request's head. The places are offsets into the bytes that it was parsed from.
struct HTTPRequestHead {
    var method = HTTPKnownMethod.unknown
    /// The target as it came.
    var target = HTTPPlace()
    /// The path of the target, from its first slash on; empty for `*` and for a target that is an authority.
    var path = HTTPPlace()
    /// Whether the path has percent signs.
    var pathIsEncoded = false
    /// HTTP/1.1 or later.
    var isVersion11 = false
    /// Whether the connection may be used for another request after this one (RFC 9112, 9.3).
    var keepsAlive = false
    /// The client waits for `100 (Continue)` before it sends the body.
    var expectsContinue = false
    /// There are fields that decide whether, or which part of, the file is sent: `If-...` and `Range`.
    var hasConditions = false
    var body = HTTPBodyLength.none
    /// Bytes of the head, with the empty line at its end.
    var byteCount = 0
    /// The fields but those that the parser has dealt with: `Host`, `Connection`, `Content-Length`, `Transfer-Encoding`,
    /// `Expect`.
    var fields: [HTTPFieldPlace] = []

    /// Makes it that of the next request.
    @inline(__always)
    mutating func reset() {
        (method, target, path, pathIsEncoded) = (.unknown, HTTPPlace(), HTTPPlace(), false)
        (isVersion11, keepsAlive, expectsContinue, hasConditions) = (false, false, false, false)
        (body, byteCount) = (.none, 0)
        if !fields.isEmpty { forgetFields() }
    }

    @inline(never)
    private mutating func forgetFields() {
        // One request with many fields is no reason to keep room for as many.
        fields.removeAll(keepingCapacity: fields.count <= 32)
    }

    /// The value of a field that may come once; `nil` when it does not come, or more than once.
    func value(of name: StaticString, in bytes: RawSpan) -> HTTPPlace? {
        var found: HTTPPlace?
        for field in fields where bytes.isName(name, at: field.name.range) {
            if found != nil { return nil }
            found = field.value
        }
        return found
    }

    /// The places of all fields with a name.
    func places(of name: StaticString, in bytes: RawSpan) -> [HTTPPlace] {
        var found: [HTTPPlace] = []
        for field in fields where bytes.isName(name, at: field.name.range) { found.append(field.value) }
        return found
    }
}
