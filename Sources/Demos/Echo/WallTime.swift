// A point in wall-clock time as text. The calendar is computed here; the time is passed in, so that tests can choose
// it. The loop's monotonic clock is independent of it and never moves backwards.

/// A point in Coordinated Universal Time.
package struct WallTime: Sendable, Hashable {
    /// Seconds since 1970-01-01T00:00:00Z, without leap seconds (POSIX.1, 4.19).
    package let seconds: Int
    /// Nanoseconds within the second, 0 to 999,999,999.
    package let nanoseconds: Int

    /// Creates a point in time. Times outside of the years 0 to 9999, to which the text is limited, are clamped: a
    /// system clock may be set to anything.
    package init(seconds: Int, nanoseconds: Int = 0) {
        self.seconds = min(max(seconds, Self.first), Self.last)
        self.nanoseconds = min(max(nanoseconds, 0), 999_999_999)
    }

    private static let first = -62_167_219_200
    private static let last = 253_402_300_799
    /// Days from 0000-03-01 to 1970-01-01. Years that begin in March have their leap day at the end.
    private static let daysToEpoch = 719_468

    /// The time in milliseconds, 24 bytes: `2026-11-28T19:07:30.123Z` (RFC 3339).
    package var text: String {
        let ofDay = ((seconds % 86_400) + 86_400) % 86_400
        let (year, month, day) = Self.date(days: (seconds - ofDay) / 86_400)
        let date = "\(Self.digits(year, 4))-\(Self.digits(month, 2))-\(Self.digits(day, 2))"
        let time = [ofDay / 3600, ofDay / 60 % 60, ofDay % 60].map { Self.digits($0, 2) }.joined(separator: ":")
        return "\(date)T\(time).\(Self.digits(nanoseconds / 1_000_000, 3))Z"
    }

    /// Returns the Gregorian date of a number of days since 1970-01-01.
    private static func date(days: Int) -> (year: Int, month: Int, day: Int) {
        // Any 400 years have 146,097 days; adding a cycle keeps the dividends positive.
        let sinceMarch = days + daysToEpoch + 146_097
        let cycle = sinceMarch / 146_097
        let ofCycle = sinceMarch % 146_097
        // Less the leap days before it, each year has 365 days.
        let year = (ofCycle - ofCycle / 1460 + ofCycle / 36_524 - ofCycle / 146_096) / 365
        let ofYear = ofCycle - (365 * year + year / 4 - year / 100)
        // From March on, every five months have 153 days.
        let month = (5 * ofYear + 2) / 153
        let day = ofYear - (153 * month + 2) / 5 + 1
        let isNextYear = month >= 10
        return ((cycle - 1) * 400 + year + (isNextYear ? 1 : 0), isNextYear ? month - 9 : month + 3, day)
    }

    private static func digits(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
