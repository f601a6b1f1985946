// A duration on the command line: `500ms`, `5s`, `2m`, `1h`, and `0` or `none` where it can be switched off.

import ArgumentParser

/// A duration as a command-line argument.
struct DurationArgument: Sendable, Hashable, CustomStringConvertible {
    /// The duration; `nil` for `0` and `none`, which switch off what it is the duration of.
    let duration: Duration?
    /// As it was written.
    let description: String

    private static let units: [(suffix: String, milliseconds: Int)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000),
    ]
    /// A hundred years: longer than anything here runs, and far from any overflow.
    private static let longest = 100 * 365 * 24 * 3_600_000

    /// Parses a duration.
    ///
    /// - Throws: `ValidationError`, in one line, for anything but ASCII digits and one of the units.
    init(_ text: String) throws {
        description = text
        if text == "none" || text == "0" {
            duration = nil
            return
        }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, let unit = Self.units.first(where: { $0.suffix == text.dropFirst(digits.count) }) else {
            throw ValidationError("write a whole number and its unit: 500ms, 5s, 2m or 1h; 'none' for without end")
        }
        guard let number = Int(digits), number <= Self.longest / unit.milliseconds else {
            throw ValidationError("that is more than a hundred years; 'none' is for without end")
        }
        duration = number == 0 ? nil : .milliseconds(number * unit.milliseconds)
    }

    /// A default.
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

    /// Parses a duration above zero, or `none` for without end: zero would end before it begins.
    static func endless(_ text: String) throws -> DurationArgument {
        let argument = try DurationArgument(text)
        if argument.duration == nil && text != "none" {
            throw ValidationError("it has to be above zero; 'none' is for without end")
        }
        return argument
    }

    /// Parses a duration that cannot be switched off.
    static func required(_ text: String) throws -> Duration {
        guard let duration = try DurationArgument(text).duration else {
            throw ValidationError("it has to be above zero")
        }
        return duration
    }
}
