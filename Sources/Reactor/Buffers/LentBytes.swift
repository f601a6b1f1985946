// Received bytes that are consumed piece by piece while they are lent.

/// Lent bytes that are consumed from the front. They are valid until the callback that received them returns.
@safe struct LentBytes {
    // Safe: set from a span and reset before that span ends (ConnectionTask.received); every use checks its bounds.
    private var memory: UnsafeRawPointer?
    private var start: Int32 = 0
    private var end: Int32 = 0

    /// Creates an empty value.
    init() {}

    /// Creates a value of all bytes of a span, which is at most one receive buffer long.
    init(_ bytes: RawSpan) {
        unsafe memory = bytes.withUnsafeBytes { $0.baseAddress }
        end = Int32(bytes.byteCount)
    }

    @inline(__always) var count: Int { Int(end &- start) }

    /// Lends the remaining bytes.
    @inline(__always)
    func withBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
        guard let memory = unsafe memory, count > 0 else { return body(RawSpan()) }
        return body(unsafe UnsafeRawBufferPointer(start: memory + Int(start), count: count).bytes)
    }

    /// Removes the first `number` bytes.
    @inline(__always)
    mutating func removeFirst(_ number: Int) {
        precondition(number >= 0 && number <= count)
        start &+= Int32(truncatingIfNeeded: number)
    }
}

extension RawSpan {
    /// Copies as many bytes as fit to the beginning of an array, and returns their number.
    @inline(__always)
    func copyPrefix(to target: inout [UInt8]) -> Int {
        let number = min(byteCount, target.count)
        // Safe: both have at least `number` bytes, and they do not overlap, because the span is lent for reading.
        unsafe target.withUnsafeMutableBytes { target in
            unsafe withUnsafeBytes { source in
                if let start = source.baseAddress, let place = target.baseAddress {
                    unsafe place.copyMemory(from: start, byteCount: number)
                }
            }
        }
        return number
    }
}
