// Time as the loop knows it: nanoseconds of the monotonic clock, in a type that cannot be mixed up with wall time.

/// A moment on the monotonic clock, in nanoseconds since an arbitrary start (`CLOCK_MONOTONIC`). Setting the wall clock
/// does not move it.
public struct MonotonicTime: Sendable, Hashable, Comparable, InstantProtocol {
    /// Nanoseconds since the clock's start.
    public var nanoseconds: Int64

    /// The moment `nanoseconds` after the clock's start.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// A moment that never comes.
    public static let never = MonotonicTime(nanoseconds: .max)

    /// This moment moved by `duration`; beyond the clock's range it is ``never``, or the range's beginning.
    public func advanced(by duration: Duration) -> MonotonicTime {
        self + duration.wholeNanoseconds
    }

    /// The time from this moment to `other`.
    public func duration(to other: MonotonicTime) -> Duration {
        .nanoseconds(other.nanoseconds) - .nanoseconds(nanoseconds)
    }

    /// Whether `left` comes before `right`.
    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Moves by nanoseconds, without overflow: the hot path's arithmetic, which `Duration`'s 128 bits would slow down.
    static func + (time: MonotonicTime, nanoseconds: Int64) -> MonotonicTime {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(nanoseconds)
        return overflow
            ? (nanoseconds > 0 ? .never : MonotonicTime(nanoseconds: .min)) : MonotonicTime(nanoseconds: sum)
    }
}

extension Duration {
    /// This duration in nanoseconds, a fraction rounded up, so that nothing ends before its time; clamped to `Int64`.
    package var wholeNanoseconds: Int64 {
        // A duration may have more seconds than `components` can tell, which traps then.
        if self >= .nanoseconds(Int64.max) { return .max }
        if self <= .nanoseconds(Int64.min) { return .min }
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + (attoseconds + (attoseconds > 0 ? 999_999_999 : 0)) / 1_000_000_000
    }

    /// This duration in whole units of this many nanoseconds, a fraction rounded up; clamped to a range.
    func whole(_ unit: Int64, within range: ClosedRange<Int>) -> Int {
        let (quotient, rest) = wholeNanoseconds.quotientAndRemainder(dividingBy: unit)
        return min(max(Int(clamping: quotient) + (rest > 0 ? 1 : 0), range.lowerBound), range.upperBound)
    }
}

/// How long a wait may last.
@frozen
public struct WaitTimeout: Sendable, Hashable {
    /// Nanoseconds; 0 does not wait, a negative number waits until something happens.
    public let nanoseconds: Int64

    /// Waits at most this many nanoseconds.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Looks once and does not wait.
    public static let none = WaitTimeout(nanoseconds: 0)
    /// Waits until something happens.
    public static let forever = WaitTimeout(nanoseconds: -1)

    /// Whole milliseconds for the calls that know nothing finer, rounded up: a wait that ends early would spin.
    var milliseconds: CInt {
        nanoseconds < 0 ? -1 : CInt(clamping: nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1))
    }
}
