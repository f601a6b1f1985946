// Operations on the bytes lent to handlers: reading, comparing, searching, copying. Every access is bounds-checked. The
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

    /// Returns the integer at an offset in big-endian order, which is network byte order; `nil` if it extends beyond the
    /// bytes.
    ///
    ///     guard let length = bytes.bigEndian(UInt32.self, at: 2) else { return .incomplete(needed: 6) }
    ///
    /// - Parameters:
    ///   - type: the integer type, which also determines the number of bytes.
    ///   - offset: where it begins; it need not be aligned.
    @inlinable @inline(__always)
    public func bigEndian<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type = Number.self, at offset: Int
    ) -> Number? {
        guard offset >= 0, offset <= byteCount &- MemoryLayout<Number>.size else { return nil }
        // Safe: the bounds are checked above, and every bit pattern is a valid integer.
        return Number(bigEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: Number.self))
    }

    /// Returns the integer at an offset in little-endian order; `nil` if it extends beyond the bytes.
    ///
    /// - Parameters:
    ///   - type: the integer type, which also determines the number of bytes.
    ///   - offset: where it begins; it need not be aligned.
    @inlinable @inline(__always)
    public func littleEndian<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type = Number.self, at offset: Int
    ) -> Number? {
        guard offset >= 0, offset <= byteCount &- MemoryLayout<Number>.size else { return nil }
        // Safe: the bounds are checked above, and every bit pattern is a valid integer.
        return Number(littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: Number.self))
    }

    /// Returns whether the bytes are equal to those of another span.
    public func equals(_ other: RawSpan) -> Bool { byteCount == other.byteCount && starts(with: other) }

    /// Returns whether the bytes are equal to those of a collection, such as an array.
    @inlinable
    public func equals(_ other: some Collection<UInt8>) -> Bool {
        byteCount == other.count && starts(with: other)
    }

    /// Returns whether the bytes are the UTF-8 encoding of a text. Nothing is normalized.
    @inlinable
    public func equals(_ text: String) -> Bool { equals(text.utf8) }

    /// Returns whether the span begins with the bytes of another span.
    public func starts(with prefix: RawSpan) -> Bool {
        guard prefix.byteCount <= byteCount else { return false }
        var offset = 0
        while prefix.byteCount &- offset >= 8 {
            if word(at: offset) != prefix.word(at: offset) { return false }
            offset &+= 8
        }
        while offset < prefix.byteCount {
            if byte(at: offset) != prefix.byte(at: offset) { return false }
            offset &+= 1
        }
        return true
    }

    /// Returns whether the span begins with the UTF-8 encoding of a text.
    @inlinable
    public func starts(with prefix: String) -> Bool { starts(with: prefix.utf8) }

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

    /// Returns the offset of the first occurrence of a text's UTF-8 encoding, or `nil`.
    ///
    /// - Parameters:
    ///   - pattern: the text to find; an empty one is found at `start`.
    ///   - start: where the search begins; from 0 to `byteCount`. Default: 0.
    public func firstOffset(of pattern: String, from start: Int = 0) -> Int? {
        // Safe: a UInt8 has no padding, so that all its bytes are initialized.
        unsafe offset(ofPattern: pattern.utf8Span.span.bytes, from: start)
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
