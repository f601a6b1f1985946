// A table for look-ups on the hot path: plain memory, so that a look-up is a single load, without reference counting or
// an exclusivity check.

/// A table of elements with the indices 0 to ``count`` - 1. It grows and never shrinks.
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

    /// Lends all elements for reading and writing.
    @inline(__always)
    func withElements<Result>(_ body: (inout MutableSpan<Element>) -> Result) -> Result {
        var span = unsafe UnsafeMutableBufferPointer(start: memory, count: count).mutableSpan
        return body(&span)
    }

    /// Grows the table until `index` is valid. New elements have the empty value.
    @inline(__always)
    func grow(toInclude index: Int) {
        if index >= count { growTable(toInclude: index) }
    }

    /// Doubles the capacity, but initializes only the elements needed: untouched memory costs nothing.
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
