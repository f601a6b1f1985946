// The loop's time: nanoseconds of the monotonic clock, in a type of its own that cannot be confused with wall time.

/// An instant on the monotonic clock, in nanoseconds since an arbitrary origin (`CLOCK_MONOTONIC`).
///
/// Setting the wall clock does not affect it.
public struct MonotonicTime: Sendable, Hashable, Comparable, InstantProtocol {
    /// Nanoseconds since the clock's origin.
    public var nanoseconds: Int64

    /// Creates the instant `nanoseconds` after the clock's origin.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// An instant that is never reached.
    package static let never = MonotonicTime(nanoseconds: .max)

    /// Returns this instant moved by `duration`; past the clock's range, ``never`` or the earliest instant.
    public func advanced(by duration: Duration) -> MonotonicTime {
        self + duration.wholeNanoseconds
    }

    /// Returns the time from this instant to `other`.
    public func duration(to other: MonotonicTime) -> Duration {
        .nanoseconds(other.nanoseconds) - .nanoseconds(nanoseconds)
    }

    /// Returns whether `left` comes before `right`.
    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Adds nanoseconds and saturates at the range's ends. The hot path uses it, because `Duration` has 128 bits.
    static func + (time: MonotonicTime, nanoseconds: Int64) -> MonotonicTime {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(nanoseconds)
        return overflow
            ? (nanoseconds > 0 ? .never : MonotonicTime(nanoseconds: .min)) : MonotonicTime(nanoseconds: sum)
    }
}

extension Duration {
    /// This duration in nanoseconds, rounded up so that no timer fires early, and clamped to `Int64`.
    package var wholeNanoseconds: Int64 {
        // `components` traps for durations of more seconds than it can represent.
        if self >= .nanoseconds(Int64.max) { return .max }
        if self <= .nanoseconds(Int64.min) { return .min }
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + (attoseconds + (attoseconds > 0 ? 999_999_999 : 0)) / 1_000_000_000
    }

    /// Returns this duration in units of `unit` nanoseconds, rounded up and clamped to a range.
    func whole(_ unit: Int64, within range: ClosedRange<Int>) -> Int {
        let (quotient, rest) = wholeNanoseconds.quotientAndRemainder(dividingBy: unit)
        return min(max(Int(clamping: quotient) + (rest > 0 ? 1 : 0), range.lowerBound), range.upperBound)
    }
}

/// The maximum duration of a wait.
@frozen
package struct WaitTimeout: Sendable, Hashable {
    /// Nanoseconds; 0 does not wait, a negative number waits indefinitely.
    package let nanoseconds: Int64

    /// Creates a timeout of this many nanoseconds.
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Checks once and does not wait.
    package static let none = WaitTimeout(nanoseconds: 0)
    /// Waits indefinitely.
    package static let forever = WaitTimeout(nanoseconds: -1)

    /// Milliseconds for calls without a finer unit, rounded up: a wait that ends early would make the loop spin.
    var milliseconds: CInt {
        nanoseconds < 0 ? -1 : CInt(clamping: nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1))
    }
}
