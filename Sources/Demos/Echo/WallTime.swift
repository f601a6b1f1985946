// A moment of the wall clock as text. The calendar is counted by hand; whoever has a clock says what time it is, so that a
// test can say so, too. The loop's own time is another thing and never moves backwards.

/// A moment in Coordinated Universal Time.
public struct WallTime: Sendable, Hashable {
    /// Seconds since the beginning of 1970, without leap seconds (POSIX.1, 4.19).
    public let seconds: Int
    /// The part of the second that has passed, 0 to 999,999,999.
    public let nanoseconds: Int

    /// A moment. What lies outside of the years 0 to 9999, which is all that the text has room for, becomes the nearest of
    /// these: a clock may be set to anything.
    public init(seconds: Int, nanoseconds: Int = 0) {
        self.seconds = min(max(seconds, Self.first), Self.last)
        self.nanoseconds = min(max(nanoseconds, 0), 999_999_999)
    }

    private static let first = -62_167_219_200
    private static let last = 253_402_300_799
    /// Days from 1 March of the year 0 to 1970. Years that begin in March have their leap day at the end.
    private static let daysToEpoch = 719_468

    /// The moment to the millisecond, 24 bytes: `2026-11-28T19:07:30.123Z` (RFC 3339).
    public var text: String {
        let ofDay = ((seconds % 86_400) + 86_400) % 86_400
        let (year, month, day) = Self.date(days: (seconds - ofDay) / 86_400)
        let date = "\(Self.digits(year, 4))-\(Self.digits(month, 2))-\(Self.digits(day, 2))"
        let time = [ofDay / 3600, ofDay / 60 % 60, ofDay % 60].map { Self.digits($0, 2) }.joined(separator: ":")
        return "\(date)T\(time).\(Self.digits(nanoseconds / 1_000_000, 3))Z"
    }

    /// The date so many days after the beginning of 1970 in the Gregorian calendar.
    private static func date(days: Int) -> (year: Int, month: Int, day: Int) {
        // 400 years have 146,097 days, whichever they are; one more cycle keeps what is divided above zero.
        let sinceMarch = days + daysToEpoch + 146_097
        let cycle = sinceMarch / 146_097
        let ofCycle = sinceMarch % 146_097
        // Without the leap days before it, each year has 365.
        let year = (ofCycle - ofCycle / 1460 + ofCycle / 36_524 - ofCycle / 146_096) / 365
        let ofYear = ofCycle - (365 * year + year / 4 - year / 100)
        // From March on, the months have 153 days in every five.
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
