// Memory of a fixed size: the loop's receive and gather buffers. Of all files outside Kernel/, only RawBuffer,
// ByteQueue and GrowingTable own raw memory.

/// A buffer of 64 KiB, not zeroed.
///
/// The value refers to the memory like a pointer. The loop allocates the buffer, deallocates it in its deinit, and
/// lends the bytes for the duration of a call.
@safe struct RawBuffer: BitwiseCopyable {
    // Safe: every use checks its bounds, and only the loop and its connections, which keep the loop alive, have it.
    private let memory: UnsafeMutableRawPointer
    var capacity: Int { Self.size }
    private static var size: Int { 64 * 1024 }

    static func allocate() -> RawBuffer { unsafe RawBuffer(memory: .allocate(byteCount: size, alignment: 64)) }

    func deallocate() { unsafe memory.deallocate() }

    /// Lends the whole buffer to a call that fills it from the start, and returns that call's result.
    @inline(__always)
    func fill(_ body: (consuming MutableRawSpan) -> SystemResult) -> SystemResult {
        let span = unsafe UnsafeMutableRawBufferPointer(start: memory, count: capacity).mutableBytes
        return body(span)
    }

    /// Lends the first `limit` bytes to a call that fills them from the start, and returns that call's result.
    func fill(atMost limit: Int, _ body: (consuming MutableRawSpan) -> SystemResult) -> SystemResult {
        precondition(limit >= 0 && limit <= capacity, "more bytes than the buffer holds")
        let span = unsafe UnsafeMutableRawBufferPointer(start: memory, count: limit).mutableBytes
        return body(span)
    }

    /// Copies bytes to an offset in the buffer; returns `false` if they do not fit.
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

    /// Returns the first `count` bytes, valid while the loop exists. It takes no closure, whose captured references
    /// would cost a retain and a release.
    @inline(__always)
    func prefix(_ count: Int) -> UnsafeRawBufferPointer {
        precondition(count >= 0 && count <= capacity, "more bytes than the buffer holds")
        return unsafe UnsafeRawBufferPointer(start: memory, count: count)
    }
}
