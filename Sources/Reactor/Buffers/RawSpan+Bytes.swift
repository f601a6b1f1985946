// Operations on the bytes lent to handlers: reading, copying, comparing, searching. Every access is bounds-checked. The
// search is in Kernel/ByteSearch.swift, because it uses the C library.

extension RawSpan {
    /// Returns the byte at an offset.
    ///
    /// - Parameter offset: from 0 to `byteCount` - 1; any other value traps.
    @inlinable
    public func byte(at offset: Int) -> UInt8 {
        // Safe: the load checks the offset, and every bit pattern is a valid UInt8.
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// Returns whether the span begins with these bytes.
    @inlinable
    public func starts(with prefix: some Collection<UInt8>) -> Bool {
        guard prefix.count <= byteCount else { return false }
        var offset = 0
        for byte in prefix {
            if self.byte(at: offset) != byte { return false }
            offset &+= 1
        }
        return true
    }

    /// Returns the offset of the first occurrence of a byte, or `nil`.
    ///
    /// - Parameters:
    ///   - byte: the value to find.
    ///   - start: where the search begins; from 0 to `byteCount`. Default: 0.
    public func firstOffset(of byte: UInt8, from start: Int = 0) -> Int? { offset(ofByte: byte, from: start) }

    /// Returns the offset of the first occurrence of a pattern, or `nil`. Takes time linear in both lengths.
    ///
    /// - Parameters:
    ///   - pattern: the bytes to find; an empty pattern is found at `start`.
    ///   - start: where the search begins; from 0 to `byteCount`. Default: 0.
    public func firstOffset(of pattern: [UInt8], from start: Int = 0) -> Int? {
        // Safe: a UInt8 has no padding, so that all its bytes are initialized.
        unsafe offset(ofPattern: pattern.span.bytes, from: start)
    }

    /// Returns the eight bytes at an offset, 0 to `byteCount` - 8, as a number in host byte order.
    func word(at offset: Int) -> UInt64 {
        // Safe: the load checks the offset, and every bit pattern is a valid UInt64.
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
}

extension Array where Element == UInt8 {
    /// Creates a copy of lent bytes, which remains valid after the callback returns.
    public init(_ bytes: RawSpan) {
        // Safe: the memory is lent for this call, and every bit pattern is a valid UInt8.
        self = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    }

    /// Appends a copy of lent bytes.
    public mutating func append(contentsOf bytes: RawSpan) {
        // Safe: as above.
        unsafe bytes.withUnsafeBytes { unsafe append(contentsOf: $0) }
    }
}

extension String {
    /// Creates a string from lent bytes, or `nil` if they are not valid UTF-8.
    public init?(validating bytes: RawSpan) {
        // Safe: the memory is lent for this call, and every bit pattern is a valid UInt8.
        guard let text = unsafe bytes.withUnsafeBytes({ unsafe String(validating: $0, as: UTF8.self) }) else {
            return nil
        }
        self = text
    }
}
