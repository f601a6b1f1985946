// Formats and parses HTTP dates (RFC 9110, 5.6.7) by plain arithmetic, without locale or time zone.

import Reactor

/// Conversion between seconds since 1970 and HTTP dates such as `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    /// The length of a formatted date in bytes.
    static let byteCount = 29

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    /// The last second of the year 9999, the last year that the format can represent.
    private static let last = 253_402_300_799

    /// Formats a date. Dates outside the years 1 to 9999 are clamped to that range.
    static func text(_ seconds: Int) -> [UInt8] {
        let seconds = min(max(seconds, -62_135_596_800), last)
        let day = floorDivide(seconds, 86_400)
        let second = seconds - day * 86_400
        let (year, month, number) = date(day)
        let weekday = days[(day % 7 + 11) % 7]  // 1 January 1970 was a Thursday
        var result = Array("\(weekday), ".utf8)
        append(number, 2, " ", to: &result)
        result += Array("\(months[month - 1]) ".utf8)
        append(year, 4, " ", to: &result)
        append(second / 3600, 2, ":", to: &result)
        append(second / 60 % 60, 2, ":", to: &result)
        append(second % 60, 2, " GMT", to: &result)
        return result
    }

    private static func append(_ number: Int, _ width: Int, _ end: String, to result: inout [UInt8]) {
        var divisor = width == 4 ? 1000 : 10
        while divisor > 0 {
            result.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
        result += Array(end.utf8)
    }

    /// Parses a date in any of the three formats of RFC 9110; `nil` for anything else.
    ///
    ///     Sun, 06 Nov 1994 08:49:37 GMT     Sunday, 06-Nov-94 08:49:37 GMT     Sun Nov  6 08:49:37 1994
    static func parse(_ bytes: RawSpan, _ range: Range<Int>, now: Int) -> Int? {
        guard range.count <= 40 else { return nil }
        let text = String(decoding: bytes.bytes(at: range), as: UTF8.self)
        let words = text.split(whereSeparator: { $0 == " " || $0 == "-" })
        guard let weekday = words.first else { return nil }
        if weekday.utf8.last == UInt8(ascii: ",") {
            guard words.count == 6, words[5] == "GMT" else { return nil }
            guard var year = number(words[3], 2...4) else { return nil }
            if words[3].utf8.count == 2 {
                // A two-digit year is at most 50 years in the future (RFC 9110, 5.6.7).
                let (thisYear, _, _) = date(floorDivide(now, 86_400))
                year += thisYear / 100 * 100
                if year > thisYear + 50 { year -= 100 }
            }
            return seconds(year, words[2], words[1], words[4])
        }
        guard words.count == 5, let year = number(words[4], 4...4) else { return nil }
        return seconds(year, words[1], words[2], words[3])
    }

    private static func seconds(_ year: Int, _ month: Substring, _ day: Substring, _ time: Substring) -> Int? {
        guard let month = months.firstIndex(where: { $0 == month }), let day = number(day, 1...2) else { return nil }
        let parts = time.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let hour = number(parts[0], 2...2), let minute = number(parts[1], 2...2),
            let second = number(parts[2], 2...2), hour < 24, minute < 60, second < 61, year > 0
        else { return nil }
        let days = self.days(year, month + 1, day)
        guard date(days) == (year, month + 1, day) else { return nil }
        return days * 86_400 + hour * 3600 + minute * 60 + second
    }

    private static func number(_ text: Substring, _ lengths: ClosedRange<Int>) -> Int? {
        guard lengths.contains(text.utf8.count) else { return nil }
        var result = 0
        for byte in text.utf8 {
            guard let digit = HTTPByte.digit(byte) else { return nil }
            result = result * 10 + digit
        }
        return result
    }

    // MARK: The calendar

    // Both directions count days from 1 March of the year 0, in eras of 400 years, so that a leap day is the last of
    // its year.

    private static func floorDivide(_ number: Int, _ divisor: Int) -> Int {
        number >= 0 ? number / divisor : -((-number + divisor - 1) / divisor)
    }

    /// Returns year, month and day of a day counted from 1 January 1970.
    private static func date(_ day: Int) -> (Int, Int, Int) {
        let shifted = day + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let number = dayOfYear - (153 * month + 2) / 5 + 1
        return (yearOfEra + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9, number)
    }

    /// Returns the day of a date, counted from 1 January 1970.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = floorDivide(year, 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
