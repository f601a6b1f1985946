// Which bytes may stand where in HTTP (RFC 9110, 5.6; RFC 9112), and comparing and copying them. Bytes, never `String`,
// to which "\r\n" is one character.

import CReactor
import Reactor

/// Classes of bytes.
enum HTTPByte {
    static let tab = UInt8(ascii: "\t")
    static let space = UInt8(ascii: " ")
    static let carriageReturn = UInt8(ascii: "\r")
    static let newline = UInt8(ascii: "\n")

    /// A byte of a token: of a method or a field's name.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        // ! # $ % & ' * + - . and the digits; A to Z, ^ _ ` a to z | ~
        let low: UInt64 = 0x03ff_6cfa_0000_0000
        let high: UInt64 = 0x57ff_ffff_c7ff_fffe
        if byte < 64 { return low >> UInt64(byte) & 1 == 1 }
        return byte < 128 && high >> UInt64(byte & 63) & 1 == 1
    }

    /// A byte of a field's value: visible, a space or a tab, or beyond ASCII.
    @inline(__always)
    static func isValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7f || byte == tab }

    /// A space or a tab: optional or bad whitespace.
    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    /// A byte of a request's target: visible, and not what begins a fragment.
    @inline(__always)
    static func isTarget(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "#") }

    /// Whether eight bytes are visible ASCII characters or spaces, all of them: a field's value is little else.
    @inline(__always)
    static func arePlain(_ word: UInt64) -> Bool {
        // Each term sets the highest bit of the first byte that is below a space, a DEL, or beyond ASCII.
        let below = word &- 0x2020_2020_2020_2020
        let above = word &+ 0x0101_0101_0101_0101
        return (below | above | word) & 0x8080_8080_8080_8080 == 0
    }

    /// A letter as a small one; other bytes are as they were, or no letter.
    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// The value of a decimal digit.
    @inline(__always)
    static func digit(_ byte: UInt8) -> Int? {
        let value = byte &- UInt8(ascii: "0")
        return value < 10 ? Int(value) : nil
    }

    /// The value of a hexadecimal digit.
    @inline(__always)
    static func hexDigit(_ byte: UInt8) -> Int? {
        if let value = digit(byte) { return value }
        let letter = lowercased(byte) &- UInt8(ascii: "a")
        return letter < 6 ? Int(letter) + 10 : nil
    }
}

extension RawSpan {
    /// The byte at an offset that is known to lie within the span: in a loop up to the end of a line that was found in it.
    @inline(__always)
    func known(_ offset: Int) -> UInt8 {
        // Safe: as said; every bit pattern is a UInt8.
        unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    /// Eight bytes, the first of them the lowest, at an offset that is known to lie eight before the end of the span.
    @inline(__always)
    func knownWord(_ offset: Int) -> UInt64 {
        // Safe: as said; every bit pattern is a UInt64.
        UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
    }

    /// The offset of the first newline at or after `start`; `nil` when there is none.
    @inline(__always)
    func newline(from start: Int) -> Int? {
        let left = extracting(start...)
        // Safe: the search stays within the span that is lent to it.
        let found = unsafe left.withUnsafeBytes { unsafe creactor_find_byte($0.baseAddress, $0.count, 10) }
        return found < 0 ? nil : start &+ found
    }

    /// Whether these bytes are a name, whose small letters stand for both. A name has ASCII characters only.
    @inline(__always)
    func isName(_ name: StaticString, at range: Range<Int>) -> Bool {
        guard range.count == name.utf8CodeUnitCount, range.upperBound <= byteCount else { return false }
        var index = 0
        while index < range.count {
            // Safe: within the literal, whose length was compared.
            let expected = unsafe name.utf8Start[index]
            if HTTPByte.lowercased(known(range.lowerBound &+ index)) != expected { return false }
            index &+= 1
        }
        return true
    }

    /// Whether these bytes are exactly those.
    func equals(_ other: [UInt8], at range: Range<Int>) -> Bool {
        let count = other.count
        guard range.count == count, range.upperBound <= byteCount else { return false }
        var index = 0
        while index < count {
            if known(range.lowerBound &+ index) != other[index] { return false }
            index &+= 1
        }
        return true
    }

    /// The number that these bytes write in decimal digits, at least one and nothing else; `nil` for anything else, and
    /// for one that is too large for an `Int`.
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

    /// A part of a range without the spaces and tabs around it.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isBlank(start) { start += 1 }
        while end > start, isBlank(end - 1) { end -= 1 }
        return start..<end
    }

    private func isBlank(_ offset: Int) -> Bool { HTTPByte.isBlank(byte(at: offset)) }

    /// The elements of a list that commas separate, without the blanks around them and without empty ones
    /// (RFC 9110, 5.6.1).
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

    /// A copy.
    func bytes(at range: Range<Int>) -> [UInt8] { Array(extracting(range)) }
}
