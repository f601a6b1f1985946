// The contents of messages: one stream of capital letters per connection, of which each message is the next piece.
// Every byte depends on its position in the stream, so that lost, duplicated and swapped bytes are detected anywhere,
// and echoes may arrive in any pieces.

internal import Reactor

#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// A stream of the letters A to Z that repeats after a prime number of bytes.
///
/// Capital letters let a server pass that echoes in upper case.
@safe final class BytePattern {
    // Safe: allocated and filled in init, never written afterwards, freed in deinit, and lent for one call at a time
    // only.
    private let memory: UnsafeMutableRawBufferPointer
    /// The number of bytes after which the stream repeats.
    let period: Int

    /// The maximum number of bytes lent or compared at once.
    static let chunk = 64 * 1024

    /// Creates a pattern for messages of a size, which is never a multiple of the period, so that swapped messages are
    /// detected.
    init(messageSize: Int) {
        let period = messageSize % 4093 == 0 ? 4091 : 4093
        self.period = period
        // Safe: both loops stay within the allocation, and write each byte before it is read.
        unsafe memory = .allocate(byteCount: period + Self.chunk, alignment: 64)
        // Any sequence without a smaller period would do; neighbours differ, so that two swapped bytes are detected.
        var state: UInt32 = 2026
        var last: UInt8 = 0
        for index in 0..<period {
            // The last byte is adjacent to the first.
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

    // Safe: the pattern owns its memory, and no reference to it is left.
    deinit { unsafe memory.deallocate() }

    /// Lends `count` bytes, at most ``chunk``, starting at a position below ``period``.
    @inline(__always)
    func withBytes<Result>(at position: Int, count: Int, _ body: (RawSpan) -> Result) -> Result {
        precondition(position >= 0 && position < period && count >= 0 && count <= Self.chunk, "outside the pattern")
        // Safe: the range lies within the allocation, by the precondition, and the span is lent for the call only.
        return body(unsafe UnsafeRawBufferPointer(start: memory.baseAddress! + position, count: count).bytes)
    }

    /// Returns whether `bytes` equals the stream starting at a position.
    @inline(__always)
    func matches(_ bytes: RawSpan, at position: Int) -> Bool {
        guard bytes.byteCount <= Self.chunk else { return matchesInPieces(bytes, at: position) }
        return withBytes(at: position, count: bytes.byteCount) { expected in
            // Safe: both spans are borrowed here and of the same length, as memcmp requires; empty ones may have no
            // base address.
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

    /// Writes `count` bytes, at most ``chunk``, starting at a position.
    @inline(__always)
    func write(at position: Int, count: Int, to connection: Connection) {
        withBytes(at: position, count: count) { _ = connection.write($0) }
    }

    /// Returns the position `count` bytes further on.
    @inline(__always)
    static func advance(_ position: Int, by count: Int, period: Int) -> Int {
        let next = position + count
        return next < period ? next : next % period
    }

    /// Returns the start position of a connection's stream: a different one for each, so that the bytes of one do not
    /// pass for another's.
    func start(ofStream number: Int) -> Int { number &* 1_009 % period }
}
