// Searches for bytes with the C library, whose vectorized search takes 32 bytes per step.

import CReactor

extension RawSpan {
    /// Returns the offset of the first `byte` at or after `start`, or `nil`.
    @inline(__always)
    func offset(ofByte byte: UInt8, from start: Int) -> Int? {
        let left = extracting(start...)
        // Safe: the search stays within the span's bounds.
        let found = unsafe left.withUnsafeBytes {
            unsafe creactor_find_byte($0.baseAddress, $0.count, CInt(byte))
        }
        return found < 0 ? nil : start &+ found
    }

    /// Returns the offset of the first `pattern` at or after `start`, or `nil`. Linear in both lengths.
    func offset(ofPattern pattern: RawSpan, from start: Int) -> Int? {
        let left = extracting(start...)
        if pattern.isEmpty { return start }
        // Safe: the search stays within the bounds of both spans.
        let found = unsafe left.withUnsafeBytes { bytes in
            unsafe pattern.withUnsafeBytes { pattern in
                unsafe creactor_find(bytes.baseAddress, bytes.count, pattern.baseAddress, pattern.count)
            }
        }
        return found < 0 ? nil : start &+ found
    }
}
