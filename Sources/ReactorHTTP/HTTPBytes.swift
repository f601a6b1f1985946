// The character classes of HTTP (RFC 9110, 5.6; RFC 9112), and comparing and copying bytes. Works on bytes rather than
// `String`, in which "\r\n" is a single character.

import CReactor
import Reactor

/// The character classes of HTTP.
enum HTTPByte {
    static let tab = UInt8(ascii: "\t")
    static let space = UInt8(ascii: " ")
    static let carriageReturn = UInt8(ascii: "\r")
    static let newline = UInt8(ascii: "\n")

    /// Returns whether a byte may occur in a token: a method or a field name.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        // One bit per character: ! # $ % & ' * + - . 0-9 in `low`; A-Z ^ _ ` a-z | ~ in `high`.
        let low: UInt64 = 0x03ff_6cfa_0000_0000
        let high: UInt64 = 0x57ff_ffff_c7ff_fffe
        if byte < 64 { return low >> UInt64(byte) & 1 == 1 }
        return byte < 128 && high >> UInt64(byte & 63) & 1 == 1
    }

    /// Returns whether a byte may occur in a field value: visible, a space, a tab, or above ASCII.
    @inline(__always)
    static func isValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7f || byte == tab }

    /// Returns whether a byte is a space or a tab (OWS, BWS).
    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    /// Returns whether a byte may occur in a request target: visible ASCII except `#`, which begins a fragment.
    @inline(__always)
    static func isTarget(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "#") }

    /// Returns whether all eight bytes are visible ASCII characters or spaces, as most bytes of field values are.
    @inline(__always)
    static func arePlain(_ word: UInt64) -> Bool {
        // Each term sets the highest bit of the first byte that is below a space, a DEL, or above ASCII.
        let below = word &- 0x2020_2020_2020_2020
        let above = word &+ 0x0101_0101_0101_0101
        return (below | above | word) & 0x8080_8080_8080_8080 == 0
    }

    /// Returns an upper-case ASCII letter in lower case, and any other byte unchanged.
    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// Returns the value of a decimal digit; `nil` for any other byte.
    @inline(__always)
    static func digit(_ byte: UInt8) -> Int? {
        let value = byte &- UInt8(ascii: "0")
        return value < 10 ? Int(value) : nil
    }

    /// Returns the value of a hexadecimal digit; `nil` for any other byte.
    @inline(__always)
    static func hexDigit(_ byte: UInt8) -> Int? {
        if let value = digit(byte) { return value }
        let letter = lowercased(byte) &- UInt8(ascii: "a")
        return letter < 6 ? Int(letter) + 10 : nil
    }
}

extension RawSpan {
    /// Returns the byte at an offset, unchecked. Safe only for an offset within the span.
    @unsafe @inline(__always)
    func uncheckedByte(_ offset: Int) -> UInt8 {
        // Safe if the offset is, which each caller proves; every bit pattern is a valid UInt8.
        unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    /// Returns eight bytes, the first one lowest, unchecked. Safe only if all eight lie in the span.
    @unsafe @inline(__always)
    func uncheckedWord(_ offset: Int) -> UInt64 {
        // Safe if the offset is, which each caller proves; every bit pattern is a valid UInt64.
        UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
    }

    /// Returns the offset of the first newline at or after `start`; `nil` if not found.
    @inline(__always)
    func newline(from start: Int) -> Int? {
        let left = extracting(start...)
        // Safe: the search stays within the base address and count of the span.
        let found = unsafe left.withUnsafeBytes { unsafe creactor_find_byte($0.baseAddress, $0.count, 10) }
        return found < 0 ? nil : start &+ found
    }

    /// Returns whether these bytes equal a name in any case. The name must be ASCII, in lower case.
    @inline(__always)
    func isName(_ name: StaticString, at range: Range<Int>) -> Bool {
        guard range.count == name.utf8CodeUnitCount, range.upperBound <= byteCount else { return false }
        var index = 0
        while index < range.count {
            // Safe: `index` is below the length of the literal, which was compared above.
            let expected = unsafe name.utf8Start[index]
            // Safe: `index` is below the length of the range, whose end was compared with the span's.
            if unsafe HTTPByte.lowercased(uncheckedByte(range.lowerBound &+ index)) != expected { return false }
            index &+= 1
        }
        return true
    }

    /// Returns whether the bytes at `range` equal `other`.
    func equals(_ other: [UInt8], at range: Range<Int>) -> Bool {
        let count = other.count
        guard range.count == count, range.upperBound <= byteCount else { return false }
        var index = 0
        while index < count {
            // Safe: `index` is below the length of the range, whose end was compared with the span's.
            if unsafe uncheckedByte(range.lowerBound &+ index) != other[index] { return false }
            index &+= 1
        }
        return true
    }

    /// Parses a decimal number: one or more digits and nothing else; `nil` for anything else, and for a number that
    /// overflows `Int`.
    func decimal(at range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return nil }
        var number = 0
        for index in range {
            guard let digit = HTTPByte.digit(byte(at: index)) else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(digit)
            if overflow || carried { return nil }
            number = sum
        }
        return number
    }

    /// Returns a range without the spaces and tabs at either end.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isBlank(start) { start += 1 }
        while end > start, isBlank(end - 1) { end -= 1 }
        return start..<end
    }

    private func isBlank(_ offset: Int) -> Bool { HTTPByte.isBlank(byte(at: offset)) }

    /// Returns the elements of a comma-separated list, trimmed and without empty ones (RFC 9110, 5.6.1).
    func elements(_ range: Range<Int>) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var start = range.lowerBound
        for index in range.lowerBound...range.upperBound
        where index == range.upperBound || byte(at: index) == UInt8(ascii: ",") {
            let element = trimmed(start..<index)
            if !element.isEmpty { result.append(element) }
            start = index + 1
        }
        return result
    }

    /// Returns a copy of the bytes at `range`.
    func bytes(at range: Range<Int>) -> [UInt8] { Array(extracting(range)) }
}
