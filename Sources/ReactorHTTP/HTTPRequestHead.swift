// A parsed request head: its framing, and the places of its parts in the bytes that were parsed. It copies no bytes, so
// that a plain request costs no allocation.

/// A range within the bytes of a head, whose offsets fit 16 bits (``HTTPLimits/headBytes``).
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

/// The places of a field's name and value.
struct HTTPFieldPlace: BitwiseCopyable {
    let name: HTTPPlace
    let value: HTTPPlace
}

/// The methods that the server distinguishes. (`HTTPRequest.Method` is a string, and comparing strings costs more than
/// the rest of a request.)
enum HTTPKnownMethod: UInt8 {
    case get, head, post, options
    /// A registered method that files do not support: PUT, DELETE, CONNECT, TRACE, PATCH.
    case other
    /// Any other method.
    case unknown
}

/// How a request body is framed.
enum HTTPBodyLength: Equatable {
    case none
    /// By its length in bytes, at least 1 (`Content-Length`).
    case bytes(Int)
    /// By the chunked transfer coding.
    case chunked
}

/// A request head. Its places are offsets into the bytes that it was parsed from.
struct HTTPRequestHead {
    var method = HTTPKnownMethod.unknown
    /// The request target, as received.
    var target = HTTPPlace()
    /// The path of the target, from its first slash; empty for `*` and for an authority.
    var path = HTTPPlace()
    /// Whether the path contains percent signs.
    var pathIsEncoded = false
    /// Whether the version is HTTP/1.1 or a later 1.x.
    var isVersion11 = false
    /// Whether the connection persists after this request (RFC 9112, 9.3).
    var keepsAlive = false
    /// Whether the client waits for `100 Continue` before it sends the body.
    var expectsContinue = false
    /// Whether there are conditional fields (`If-...`) or a `Range`.
    var hasConditions = false
    var body = HTTPBodyLength.none
    /// The length of the head in bytes, including the empty line at its end.
    var byteCount = 0
    /// The fields, without those that the parser consumes: `Host`, `Connection`, `Content-Length`, `Transfer-Encoding`,
    /// `Expect`.
    var fields: [HTTPFieldPlace] = []

    /// Resets the head for the next request.
    @inline(__always)
    mutating func reset() {
        (method, target, path, pathIsEncoded) = (.unknown, HTTPPlace(), HTTPPlace(), false)
        (isVersion11, keepsAlive, expectsContinue, hasConditions) = (false, false, false, false)
        (body, byteCount) = (.none, 0)
        if !fields.isEmpty { forgetFields() }
    }

    @inline(never)
    private mutating func forgetFields() {
        // A single request with many fields must not pin a large allocation to its connection.
        fields.removeAll(keepingCapacity: fields.count <= 32)
    }

    /// Returns the value of a field that may occur once; `nil` if it is missing or repeated.
    func value(of name: StaticString, in bytes: RawSpan) -> HTTPPlace? {
        var found: HTTPPlace?
        for field in fields where bytes.isName(name, at: field.name.range) {
            if found != nil { return nil }
            found = field.value
        }
        return found
    }

    /// Returns the values of all fields with a name, in order.
    func places(of name: StaticString, in bytes: RawSpan) -> [HTTPPlace] {
        var found: [HTTPPlace] = []
        for field in fields where bytes.isName(name, at: field.name.range) { found.append(field.value) }
        return found
    }
}
