// Fixed pieces of memory: the loop's receive and gather buffers. With ByteQueue and GrowingTable, the one place outside
// Kernel/ that holds raw memory.

/// 64 KiB of memory, not zeroed. A name for it, as cheap to pass around as a pointer: the loop, which
/// allocates it, deallocates it in its deinit, and lends its bytes only for the duration of a call.
@safe struct RawBuffer: BitwiseCopyable {
    // Safe: every use checks its bounds, and nothing but the loop and its connections, which keep the loop alive, has it.
    private let memory: UnsafeMutableRawPointer
    var capacity: Int { Self.size }
    private static var size: Int { 64 * 1024 }

    static func allocate() -> RawBuffer { unsafe RawBuffer(memory: .allocate(byteCount: size, alignment: 64)) }

    func deallocate() { unsafe memory.deallocate() }

    /// Lends the whole memory to be filled from its start; answers how much was, or why not.
    @inline(__always)
    func fill(_ body: (consuming MutableRawSpan) -> SystemResult) -> SystemResult {
        let span = unsafe UnsafeMutableRawBufferPointer(start: memory, count: capacity).mutableBytes
        return body(span)
    }

    /// Lends the first `limit` bytes to be filled from the start; answers how many were, or why not.
    func fill(atMost limit: Int, _ body: (consuming MutableRawSpan) -> SystemResult) -> SystemResult {
        precondition(limit >= 0 && limit <= capacity, "more bytes than the buffer holds")
        let span = unsafe UnsafeMutableRawBufferPointer(start: memory, count: limit).mutableBytes
        return body(span)
    }

    /// Copies bytes to a place in the memory; `false` if they do not fit.
    @inline(__always)
    func store(_ source: RawSpan, at offset: Int) -> Bool {
        precondition(offset <= capacity)
        guard source.byteCount <= capacity &- offset else { return false }
        unsafe source.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (memory + offset).copyMemory(from: start, byteCount: source.count)
        }
        return true
    }

    /// Lends the first `count` bytes to a call.
    @inline(__always)
    func lend(_ count: Int, to body: (RawSpan) -> SystemResult) -> SystemResult {
        let bytes = unsafe prefix(count).bytes
        return body(bytes)
    }

    /// The first `count` bytes, to be lent as a span while the loop lives. No closure: it would cost the caller's
    /// references a retain and a release.
    @inline(__always)
    func prefix(_ count: Int) -> UnsafeRawBufferPointer {
        precondition(count >= 0 && count <= capacity, "more bytes than the buffer holds")
        return unsafe UnsafeRawBufferPointer(start: memory, count: count)
    }
}
