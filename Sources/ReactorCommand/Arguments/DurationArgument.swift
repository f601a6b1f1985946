// Durations on the command line: `500ms`, `5s`, `2m`, `1h`, and `0` or `none` where the timeout can be disabled.

import ArgumentParser

/// A duration given on the command line.
struct DurationArgument: Sendable, Hashable, CustomStringConvertible {
    /// The duration; `nil` for `0` and `none`, which disable the timeout.
    let duration: Duration?
    /// The text as it was written.
    let description: String

    private static let units: [(suffix: String, milliseconds: Int)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000),
    ]
    /// A hundred years in milliseconds: longer than any process runs, and far from overflow.
    private static let longest = 100 * 365 * 24 * 3_600_000

    /// Parses a duration.
    ///
    /// - Throws: `ValidationError` with a one-line message, unless the text is ASCII digits followed by one of the
    ///   units.
    init(_ text: String) throws {
        description = text
        if text == "none" || text == "0" {
            duration = nil
            return
        }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, let unit = Self.units.first(where: { $0.suffix == text.dropFirst(digits.count) }) else {
            throw ValidationError("use a whole number with a unit, as 500ms, 5s, 2m or 1h; 'none' for no limit")
        }
        guard let number = Int(digits), number <= Self.longest / unit.milliseconds else {
            throw ValidationError("longer than a hundred years; use 'none' for no limit")
        }
        duration = number == 0 ? nil : .milliseconds(number * unit.milliseconds)
    }

    /// Wraps a default value and spells it as the command line does.
    init(_ duration: Duration?) {
        self.duration = duration
        guard let duration else {
            description = "none"
            return
        }
        let milliseconds = Int((duration / .milliseconds(1)).rounded())
        let unit = Self.units.last { milliseconds.isMultiple(of: $0.milliseconds) } ?? Self.units[0]
        description = "\(milliseconds / unit.milliseconds)\(unit.suffix)"
    }

    /// Parses a duration above zero, or `none` for no limit. Zero is rejected: the run would end before it begins.
    static func endless(_ text: String) throws -> DurationArgument {
        let argument = try DurationArgument(text)
        if argument.duration == nil && text != "none" {
            throw ValidationError("use a duration above zero, or 'none' for no limit")
        }
        return argument
    }

    /// Parses a duration above zero that cannot be disabled.
    static func required(_ text: String) throws -> Duration {
        guard let duration = try DurationArgument(text).duration else {
            throw ValidationError("use a duration above zero")
        }
        return duration
    }
}
