// A whole number on the command line, with an answer to every text that is none.

import ArgumentParser

/// A number of things as a command-line argument.
enum CountArgument {
    /// More of anything than a machine has.
    static let most = 1_000_000_000

    /// Parses a whole number from 1 on.
    ///
    /// - Throws: `ValidationError`, in one line.
    static func parse(_ text: String) throws -> Int {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            throw ValidationError("write a whole number")
        }
        guard let number = Int(digits), number <= most else { throw ValidationError("use at most \(most)") }
        guard number > 0, digits.count == text.count else { throw ValidationError("it has to be at least 1") }
        return number
    }

    /// Parses a whole number within bounds. What is out of range is refused with both of them.
    static func within(_ bounds: ClosedRange<Int>) -> @Sendable (String) throws -> Int {
        { text in
            let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
            guard !digits.isEmpty, digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
                throw ValidationError("write a whole number")
            }
            guard let number = Int(text), bounds.contains(number) else {
                throw ValidationError("use \(bounds.lowerBound) to \(bounds.upperBound)")
            }
            return number
        }
    }
}
