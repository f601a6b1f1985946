// A table that is looked up at every event: plain memory behind an index, so that a look-up is one load, with neither
// reference counting nor a check for exclusive access.

/// Elements by index, 0 to ``count`` - 1; it grows and never shrinks.
@safe final class GrowingTable<Element> {
    // Safe: `memory` has room for `capacity` elements, of which `count` are initialized; every index is checked, and
    // deinit destroys and frees them.
    private var memory: UnsafeMutablePointer<Element>
    private(set) var count: Int
    private var capacity: Int
    private let empty: Element

    init(count: Int = 64, filledWith empty: Element) {
        self.empty = empty
        self.count = count
        capacity = count
        unsafe memory = .allocate(capacity: count)
        unsafe memory.initialize(repeating: empty, count: count)
    }

    deinit {
        unsafe memory.deinitialize(count: count)
        unsafe memory.deallocate()
    }

    @inline(__always)
    subscript(index: Int) -> Element {
        get {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            return unsafe memory[index]
        }
        _modify {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            yield unsafe &memory[index]
        }
    }

    /// Lends all elements, to be written.
    @inline(__always)
    func withElements<Result>(_ body: (inout MutableSpan<Element>) -> Result) -> Result {
        var span = unsafe UnsafeMutableBufferPointer(start: memory, count: count).mutableSpan
        return body(&span)
    }

    /// Makes `index` valid; new elements are empty.
    @inline(__always)
    func grow(toInclude index: Int) {
        if index >= count { growTable(toInclude: index) }
    }

    /// The room doubles, but only what is needed is written to: memory that nobody has touched costs nothing.
    @inline(never)
    private func growTable(toInclude index: Int) {
        if index >= capacity {
            capacity = max(capacity * 2, index + 1)
            let new = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
            unsafe new.moveInitialize(from: memory, count: count)
            unsafe memory.deallocate()
            unsafe memory = new
        }
        unsafe (memory + count).initialize(repeating: empty, count: index + 1 - count)
        count = index + 1
    }
}
