// Parses the `Range` field (RFC 9110, 14). A single range gives that part. Several ranges give
// the whole file, as 14.2 allows: they are rare, and multipart responses can cost more than the file.

import Reactor

/// The part of a file that a request selects.
enum HTTPRange: Equatable {
    /// The whole file.
    case whole
    /// This range of bytes, which is not empty.
    case part(Range<Int>)
    /// A range outside of the file: 416.
    case unsatisfiable

    /// Parses the value of a `Range` field for a file of `size` bytes. A malformed value, or a unit other than `bytes`,
    /// is ignored and selects the whole file.
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

    /// Parses a number of any length; one that overflows `Int` becomes `Int.max`, which is beyond the end of any file.
    private static func number(_ bytes: RawSpan, _ range: Range<Int>) -> Int? {
        if let number = bytes.decimal(at: range) { return number }
        guard !range.isEmpty else { return nil }
        return range.allSatisfy { HTTPByte.digit(bytes.byte(at: $0)) != nil } ? .max : nil
    }
}
