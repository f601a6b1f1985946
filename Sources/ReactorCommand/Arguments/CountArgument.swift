// Whole numbers on the command line. Every malformed text is rejected with a message of its own.

import ArgumentParser

/// Parsers for counts on the command line.
enum CountArgument {
    /// The largest count, which is beyond what any machine has.
    static let most = 1_000_000_000

    /// Parses a whole number from 1 to ``most``.
    ///
    /// - Throws: `ValidationError` with a one-line message.
    static func parse(_ text: String) throws -> Int {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            throw ValidationError("use a whole number")
        }
        guard let number = Int(digits), number <= most else { throw ValidationError("use at most \(most)") }
        guard number > 0, digits.count == text.count else { throw ValidationError("use at least 1") }
        return number
    }

    /// Returns a parser for a whole number within bounds; its error for a number out of range names both bounds.
    static func within(_ bounds: ClosedRange<Int>) -> @Sendable (String) throws -> Int {
        { text in
            let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
            guard !digits.isEmpty, digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
                throw ValidationError("use a whole number")
            }
            guard let number = Int(text), bounds.contains(number) else {
                throw ValidationError("use \(bounds.lowerBound) to \(bounds.upperBound)")
            }
            return number
        }
    }
}
