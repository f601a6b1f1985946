// What a protocol's parser needs of the bytes that it is lent.

extension RawSpan {
    /// The byte at an offset, 0 to `byteCount` - 1.
    @inlinable
    public func byte(at offset: Int) -> UInt8 {
        // Safe: the offset is checked, and every bit pattern is a UInt8.
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The eight bytes from an offset on, 0 to `byteCount` - 8, as a number in the machine's byte order.
    func word(at offset: Int) -> UInt64 {
        // Safe: the offset is checked, and every bit pattern is a UInt64.
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
}
