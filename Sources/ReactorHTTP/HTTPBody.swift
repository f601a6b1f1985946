// The body of one request, as it comes in: counted, checked, and kept if somebody wants it. It takes bytes and knows no
// socket.

import Reactor

/// A body that is being received.
struct HTTPBody {
    private enum Length {
        case bytes(left: Int)
        case chunked(ChunkedDecoder)
    }

    /// The bytes of the request's head: it is answered when its body is there.
    let head: [UInt8]
    private var length: Length
    private let keeps: Bool
    private let limit: Int
    private var count = 0
    /// What was kept.
    private(set) var content: [UInt8] = []
    /// Whether it is whole.
    private(set) var isWhole = false

    /// A body of this length; `nil` when there is none.
    ///
    /// - Parameters:
    ///   - head: the bytes of the request's head.
    ///   - keeps: whether somebody wants the body; it is thrown away otherwise.
    init?(_ length: HTTPBodyLength, head: RawSpan, keeps: Bool, _ limits: HTTPLimits) throws(HTTPRefusal) {
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

    private static let tooLarge = HTTPRefusal(413, "the body is too large")

    /// Takes bytes from a place on; answers where it stopped: at the body's end, or at the bytes'.
    mutating func take(_ bytes: RawSpan, from start: Int) throws(HTTPRefusal) -> Int {
        switch length {
        case .bytes(let left):
            let end = start + min(left, bytes.byteCount - start)
            if keeps { content += bytes.bytes(at: start..<end) }
            length = .bytes(left: left - (end - start))
            isWhole = end - start == left
            return end
        case .chunked(var decoder):
            length = .bytes(left: 0)  // so that the decoder is not copied
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
