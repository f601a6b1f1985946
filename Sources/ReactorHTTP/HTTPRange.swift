// Which part of a file is asked for (RFC 9110, 14). One range is answered with that part; several, which would cost more to
// answer than the whole file does and are hardly ever asked for, with the whole file, as 14.2 allows.

import Reactor

/// What a Range field asks for.
enum HTTPRange: Equatable {
    /// All of it.
    case whole
    /// These bytes, at least one of them.
    case part(Range<Int>)
    /// No byte that there is.
    case unsatisfiable

    /// Reads the value of a Range field for a file of this size. One that is malformed, or in another unit than bytes, is
    /// ignored.
    init(_ bytes: RawSpan, _ value: Range<Int>, size: Int) {
        self = .whole
        let unit = "bytes="
        let start = value.lowerBound + unit.utf8.count
        guard start <= value.upperBound, bytes.isName("bytes=", at: value.lowerBound..<start) else { return }
        let specifiers = bytes.elements(start..<value.upperBound)
        guard specifiers.count == 1, let specifier = specifiers.first,
            let hyphen = specifier.first(where: { bytes.byte(at: $0) == UInt8(ascii: "-") })
        else { return }
        let (before, after) = (specifier.lowerBound..<hyphen, hyphen + 1..<specifier.upperBound)
        if before.isEmpty {
            guard let length = Self.number(bytes, after) else { return }
            self = length == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - length)..<size)
            return
        }
        guard let first = Self.number(bytes, before) else { return }
        var last = Int.max
        if !after.isEmpty {
            guard let number = Self.number(bytes, after), number >= first else { return }
            last = number
        }
        self = first >= size ? .unsatisfiable : .part(first..<min(last, size - 1) + 1)
    }

    /// A number of any length: one that is beyond an Int is beyond any file.
    private static func number(_ bytes: RawSpan, _ range: Range<Int>) -> Int? {
        if let number = bytes.decimal(at: range) { return number }
        guard !range.isEmpty else { return nil }
        return range.allSatisfy { HTTPByte.digit(bytes.byte(at: $0)) != nil } ? .max : nil
    }
}
