// Looking for bytes in bytes, by the C library, whose search takes 32 bytes a step.

import CReactor

extension RawSpan {
    /// The offset of the first `byte` at or after `start`; `nil` when there is none.
    @inline(__always)
    func offset(ofByte byte: UInt8, from start: Int) -> Int? {
        let left = extracting(start...)
        // Safe: the search stays within the span that is lent to it.
        let found = unsafe left.withUnsafeBytes {
            unsafe creactor_find_byte($0.baseAddress, $0.count, CInt(byte))
        }
        return found < 0 ? nil : start &+ found
    }

    /// The offset of the first occurrence of `pattern` at or after `start`; `nil` when there is none. Linear in both.
    func offset(ofPattern pattern: RawSpan, from start: Int) -> Int? {
        let left = extracting(start...)
        // Safe: the search stays within the two spans that are lent to it.
        let found = unsafe left.withUnsafeBytes { bytes in
            unsafe pattern.withUnsafeBytes { pattern in
                unsafe creactor_find(bytes.baseAddress, bytes.count, pattern.baseAddress, pattern.count)
            }
        }
        return found < 0 ? nil : start &+ found
    }
}
