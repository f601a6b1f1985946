// The time of day as text, for people: the only clock here that can be set, and nothing but its reading is ever used.

import CReactor

/// A moment in seconds and nanoseconds since 1970, as UTC counts them.
public struct WallTime: Sendable, Hashable, CustomStringConvertible {
    /// Seconds since 1970-01-01T00:00:00Z.
    public let seconds: Int
    /// The rest, 0 to 999,999,999.
    public let nanoseconds: Int

    /// A moment.
    public init(seconds: Int, nanoseconds: Int) { (self.seconds, self.nanoseconds) = (seconds, nanoseconds) }

    /// The moment that the system's clock shows (clock_gettime(2), `CLOCK_REALTIME`).
    public static func now() -> WallTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(seconds: time.tv_sec, nanoseconds: time.tv_nsec)
    }

    /// `2026-11-28T19:30:12.345Z` (RFC 3339), in UTC.
    public var description: String {
        let secondsADay = 86_400
        let days = Int((Double(seconds) / Double(secondsADay)).rounded(.down))
        let second = seconds - days * secondsADay
        let (year, month, day) = Self.date(days)
        let date = "\(Self.digits(year, 4))-\(Self.digits(month, 2))-\(Self.digits(day, 2))"
        let time = [second / 3600, second / 60 % 60, second % 60].map { Self.digits($0, 2) }.joined(separator: ":")
        return "\(date)T\(time).\(Self.digits(nanoseconds / 1_000_000, 3))Z"
    }

    /// The date of a day, counted from 1970. Years begin in March here, so that the day that some have is their last; 400
    /// of them have 146,097 days.
    private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        return (year, month < 10 ? month + 3 : month - 9, dayOfYear - (153 * month + 2) / 5 + 1)
    }

    private static func digits(_ number: Int, _ count: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }
}
