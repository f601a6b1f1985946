// Fixed pieces of memory: the loop's receive and gather buffers. With ByteQueue and GrowingTable, the one place outside
// Kernel/ that holds raw memory.

/// Memory of a fixed capacity, not zeroed. A name for it, as cheap to pass around as a pointer: the loop, which
/// allocates it, deallocates it in its deinit, and lends its bytes only for the duration of a call.
@safe struct RawBuffer: BitwiseCopyable {
    // Safe: every use checks its bounds, and nothing but the loop and its connections, which keep the loop alive, has it.
    private let memory: UnsafeMutableRawPointer
    let capacity: Int

    static func allocate(capacity: Int) -> RawBuffer {
        unsafe RawBuffer(memory: .allocate(byteCount: capacity, alignment: 64), capacity: capacity)
    }

    private init(memory: UnsafeMutableRawPointer, capacity: Int) {
        unsafe self.memory = memory
        self.capacity = capacity
    }

    func deallocate() { unsafe memory.deallocate() }

    /// Lends the whole memory to be filled from its start; answers how much was, or why not.
    @inline(__always)
    func fill(_ body: (inout MutableRawSpan) -> SystemResult) -> SystemResult {
        var span = unsafe UnsafeMutableRawBufferPointer(start: memory, count: capacity).mutableBytes
        return body(&span)
    }

    /// Copies bytes to a place in the memory. They must fit.
    @inline(__always)
    func store(_ source: RawSpan, at offset: Int) {
        precondition(offset >= 0 && source.byteCount <= capacity - offset, "more bytes than the buffer holds")
        unsafe source.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (memory + offset).copyMemory(from: start, byteCount: source.count)
        }
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
