// Receives the body of one request: counts it, checks it, and keeps it if the handler wants it. It does no I/O.

import Reactor

/// A request body that is being received.
struct HTTPBody {
    private enum Length {
        case bytes(left: Int)
        case chunked(ChunkedDecoder)
    }

    /// A copy of the request head, which is needed again when the body is complete.
    let head: [UInt8]
    private var length: Length
    private let keeps: Bool
    private let limit: Int
    private var count = 0
    /// The content, if it is kept.
    private(set) var content: [UInt8] = []
    /// Whether the body is complete.
    private(set) var isWhole = false

    /// Begins a body; `nil` if the request has none.
    ///
    /// - Parameters:
    ///   - length: how the body is framed.
    ///   - head: the bytes of the request head.
    ///   - keeps: whether the content is kept; it is discarded otherwise.
    ///   - limits: the limits of requests.
    /// - Throws: ``HTTPRequestError`` (413) if the announced length exceeds the limit.
    init?(_ length: HTTPBodyLength, head: RawSpan, keeps: Bool, _ limits: HTTPLimits) throws(HTTPRequestError) {
        limit = keeps ? limits.formBytes : limits.bodyBytes
        self.keeps = keeps
        switch length {
        case .none: return nil
        case .bytes(let count):
            if count > limit { throw Self.tooLarge }
            self.length = .bytes(left: count)
        case .chunked: self.length = .chunked(ChunkedDecoder(limits))
        }
        self.head = head.bytes(at: 0..<head.byteCount)
    }

    private static let tooLarge = HTTPRequestError(413, "the body is too large")

    /// Consumes input from `start`; returns the offset where it stopped: the end of the body, or of the input.
    ///
    /// - Throws: ``HTTPRequestError`` if the body is malformed or too large.
    mutating func take(_ bytes: RawSpan, from start: Int) throws(HTTPRequestError) -> Int {
        switch length {
        case .bytes(let left):
            let end = start + min(left, bytes.byteCount - start)
            if keeps { content += bytes.bytes(at: start..<end) }
            length = .bytes(left: left - (end - start))
            isWhole = end - start == left
            return end
        case .chunked(var decoder):
            length = .bytes(left: 0)  // keeps the decoder uniquely referenced: no copy
            var place = start
            while true {
                switch try decoder.decode(bytes, from: place) {
                case .data(let piece):
                    count += piece.count
                    if count > limit { throw Self.tooLarge }
                    if keeps { content += bytes.bytes(at: piece) }
                    place = piece.upperBound
                case .needsMore:
                    length = .chunked(decoder)
                    return bytes.byteCount
                case .done(let end):
                    isWhole = true
                    return end
                }
            }
        }
    }
}
