// What messages are made of: one stream of capital letters a connection, of which each message is the next piece. Every
// byte depends on its position in the stream, so that lost, doubled and exchanged bytes are found wherever they are, and
// echoes may arrive in any pieces.

internal import Reactor

#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// A stream of the letters A to Z that repeats itself after a prime number of bytes.
///
/// Capitals, because a server that answers in upper case then passes as well.
@safe final class BytePattern {
    // Safe: allocated and filled in init, not written afterwards, freed in deinit, and lent for a call at a time only.
    private let memory: UnsafeMutableRawBufferPointer
    /// After so many bytes it repeats itself.
    let period: Int

    /// The most that is lent or compared in one piece.
    static let chunk = 64 * 1024

    /// A pattern for messages of this size, which is no multiple of the period: exchanged messages are found.
    init(messageSize: Int) {
        let period = messageSize % 4093 == 0 ? 4091 : 4093
        self.period = period
        unsafe memory = .allocate(byteCount: period + Self.chunk, alignment: 64)
        // Any sequence without a smaller period would do; neighbours differ, so that two exchanged bytes are found.
        var state: UInt32 = 2026
        var last: UInt8 = 0
        for index in 0..<period {
            // The last one is the neighbour of the first.
            let next = index == period - 1 ? unsafe memory[0] : last
            var letter = last
            while letter == last || letter == next {
                state = state &* 1_664_525 &+ 1_013_904_223
                letter = UInt8(ascii: "A") + UInt8((state >> 16) % 26)
            }
            unsafe memory[index] = letter
            last = letter
        }
        for index in period..<(period + Self.chunk) { unsafe memory[index] = memory[index - period] }
    }

    deinit { unsafe memory.deallocate() }

    /// Lends `count` bytes, at most ``chunk``, from a position below ``period``.
    @inline(__always)
    func withBytes<Result>(at position: Int, count: Int, _ body: (RawSpan) -> Result) -> Result {
        precondition(position >= 0 && position < period && count >= 0 && count <= Self.chunk, "outside the pattern")
        return body(unsafe UnsafeRawBufferPointer(start: memory.baseAddress! + position, count: count).bytes)
    }

    /// Whether these bytes are those from a position on.
    @inline(__always)
    func matches(_ bytes: RawSpan, at position: Int) -> Bool {
        guard bytes.byteCount <= Self.chunk else { return matchesInPieces(bytes, at: position) }
        return withBytes(at: position, count: bytes.byteCount) { expected in
            // Both spans are alive here and of the same length, which is all that memcmp asks for; empty ones may be nil.
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe expected.withUnsafeBytes { expected in
                    unsafe bytes.isEmpty || memcmp(bytes.baseAddress!, expected.baseAddress!, bytes.count) == 0
                }
            }
        }
    }

    private func matchesInPieces(_ bytes: RawSpan, at position: Int) -> Bool {
        var done = 0
        while done < bytes.byteCount {
            let count = min(Self.chunk, bytes.byteCount - done)
            let piece = bytes.extracting(done..<(done + count))
            guard matches(piece, at: Self.advance(position, by: done, period: period)) else { return false }
            done += count
        }
        return true
    }

    /// Writes `count` bytes, at most ``chunk``, from a position on.
    @inline(__always)
    func write(at position: Int, count: Int, to connection: Connection) {
        withBytes(at: position, count: count) { _ = connection.write($0) }
    }

    /// The position `count` bytes further on.
    @inline(__always)
    static func advance(_ position: Int, by count: Int, period: Int) -> Int {
        let next = position + count
        return next < period ? next : next % period
    }

    /// Where the stream of a connection begins: another place for each, so that bytes of one do not pass for another's.
    func start(ofStream number: Int) -> Int { number &* 1_009 % period }
}
