// Bytes that were received and are read piece by piece while they are lent.

/// Lent bytes of which some have been taken. Valid as long as the loan: until the callback returns that they came with.
@safe struct LentBytes {
    // Safe: set from a span and taken back before that span ends (ConnectionTask.received), and every use checks its bounds.
    private var memory: UnsafeRawPointer?
    private var start: Int32 = 0
    private var end: Int32 = 0

    /// No bytes.
    init() {}

    /// All of these. One receive brings no more than a receive buffer.
    init(_ bytes: RawSpan) {
        unsafe memory = bytes.withUnsafeBytes { $0.baseAddress }
        end = Int32(bytes.byteCount)
    }

    @inline(__always) var count: Int { Int(end &- start) }

    /// Lends what is left.
    @inline(__always)
    func withBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
        guard let memory = unsafe memory, count > 0 else { return body(RawSpan()) }
        return body(unsafe UnsafeRawBufferPointer(start: memory + Int(start), count: count).bytes)
    }

    /// Takes away the first of them.
    @inline(__always)
    mutating func removeFirst(_ number: Int) {
        precondition(number >= 0 && number <= count)
        start &+= Int32(truncatingIfNeeded: number)
    }
}

extension RawSpan {
    /// Copies as many bytes as fit to the beginning of an array; answers how many.
    @inline(__always)
    func copyPrefix(to target: inout [UInt8]) -> Int {
        let number = min(byteCount, target.count)
        // Safe: both have at least so many bytes, and what is lent to be read is not written meanwhile.
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
