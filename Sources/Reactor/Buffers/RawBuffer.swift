// A fixed piece of memory with one owner: the loop's receive and gather buffers. With ByteQueue, the one place outside
// Kernel/ that holds raw memory for bytes.

/// Bytes of a fixed capacity, of which the first ``count`` are filled. Not zeroed.
///
/// A class, so that lending its bytes to a handler is no access to a property of the loop that would have to be
/// checked for exclusivity.
@safe final class RawBuffer {
    // Safe: allocated in init, freed in deinit, never handed out beyond a call; `count` never passes `capacity`.
    private let bytes: UnsafeMutableRawBufferPointer
    /// How many bytes are filled.
    private(set) var count = 0

    init(capacity: Int) {
        unsafe bytes = .allocate(byteCount: capacity, alignment: 64)
    }

    deinit { unsafe bytes.deallocate() }

    var capacity: Int { unsafe bytes.count }
    var isEmpty: Bool { count == 0 }
    var free: Int { unsafe bytes.count - count }

    /// Lends the whole memory to be filled from its start, and notes how much was.
    @inline(__always)
    func fill(_ body: (inout MutableRawSpan) -> SystemResult) -> SystemResult {
        var span = unsafe bytes.mutableBytes
        let result = body(&span)
        precondition(result.rawValue <= capacity, "more bytes than the buffer holds")
        count = max(0, result.rawValue)
        return result
    }

    /// Adds bytes behind those that are there. They must fit into ``free``.
    @inline(__always)
    func append(_ source: RawSpan) {
        precondition(source.byteCount <= free, "more bytes than the buffer holds")
        unsafe source.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (bytes.baseAddress! + count).copyMemory(from: start, byteCount: source.count)
        }
        count += source.byteCount
    }

    /// Lends the filled bytes.
    @inline(__always)
    func withBytes<Result, Failure: Error>(_ body: (RawSpan) throws(Failure) -> Result) throws(Failure) -> Result {
        try body(unsafe UnsafeRawBufferPointer(start: bytes.baseAddress, count: count).bytes)
    }

    func removeAll() { count = 0 }
}
