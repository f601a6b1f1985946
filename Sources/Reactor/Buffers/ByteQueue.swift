// A first-in, first-out queue of bytes that wait to be sent, or for the rest of their message. Its memory is
// contiguous; it stays until the queue is dropped, and SpareQueues.swift decides when that is.

/// A growing queue of bytes. A connection has one only while bytes are queued.
@safe final class ByteQueue: ReusableQueue {
    // Safe: `memory` is nil or holds `capacity` bytes; `head <= tail <= capacity`; freed when outgrown and in deinit.
    private var memory: UnsafeMutableRawPointer?
    private(set) var capacity = 0
    private var head = 0
    private var tail = 0

    deinit { unsafe memory?.deallocate() }

    var count: Int { tail - head }
    var isEmpty: Bool { head == tail }

    /// Appends bytes.
    func append(_ source: RawSpan) {
        guard !source.isEmpty else { return }
        makeRoom(for: source.byteCount)
        unsafe source.withUnsafeBytes { source in
            unsafe (memory! + tail).copyMemory(from: source.baseAddress!, byteCount: source.count)
        }
        tail += source.byteCount
    }

    /// Lends the first bytes, at most `limit`.
    func withFirst<Result>(_ limit: Int = .max, _ body: (RawSpan) throws -> Result) rethrows -> Result {
        guard let memory = unsafe memory else {
            return try body(RawSpan())
        }
        return try body(unsafe UnsafeRawBufferPointer(start: memory + head, count: min(count, limit)).bytes)
    }

    /// Removes the first `number` bytes.
    func removeFirst(_ number: Int) {
        precondition(number <= count, "more bytes than are queued")
        head += number
        if head == tail { (head, tail) = (0, 0) }
    }

    /// Removes the last `number` bytes.
    func removeLast(_ number: Int) {
        precondition(number <= count, "more bytes than are queued")
        tail -= number
    }

    /// Removes all bytes; the memory stays.
    func removeAll() { (head, tail) = (0, 0) }

    private func makeRoom(for number: Int) {
        if capacity - tail >= number { return }
        let used = count
        // Move to the front only if that frees at least half: each byte is then moved at most once per doubling.
        if let memory = unsafe memory, head >= capacity / 2, capacity - used >= number {
            unsafe memory.copyMemory(from: memory + head, byteCount: used)
        } else {
            let larger = max(4096, max(used + number, capacity * 2))
            let new = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
            if let memory = unsafe memory {
                unsafe new.copyMemory(from: memory + head, byteCount: used)
                unsafe memory.deallocate()
            }
            unsafe memory = new
            capacity = larger
        }
        (head, tail) = (0, used)
    }
}
