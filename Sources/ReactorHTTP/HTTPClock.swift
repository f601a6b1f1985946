// The time of day for the `Date` field, read and formatted at most once per second. Deadlines use the monotonic clock
// instead, because this one can be set.

import Reactor

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The cached wall clock of a server.
final class HTTPClock {
    /// Returns the time since 1970, in seconds and nanoseconds.
    typealias Source = () -> (seconds: Int, nanoseconds: Int)

    private let source: Source
    private var validUntil = MonotonicTime(nanoseconds: 0)
    /// The time in seconds since 1970.
    private(set) var seconds = 0
    /// The time as the value of a `Date` field.
    private(set) var text: [UInt8] = []

    /// Reads the system's clock (clock_gettime(2), `CLOCK_REALTIME`).
    static func system() -> (seconds: Int, nanoseconds: Int) {
        var time = timespec()
        // Safe: the call writes one timespec, to a variable that outlives it.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return (time.tv_sec, time.tv_nsec)
    }

    init(_ source: @escaping Source = HTTPClock.system) { self.source = source }

    /// Refreshes the time if its second is over. `now` is the time of the loop's current turn.
    @inline(__always)
    func update(at now: MonotonicTime) {
        if now >= validUntil { readAgain(now) }
    }

    @inline(never)
    private func readAgain(_ now: MonotonicTime) {
        let (seconds, nanoseconds) = source()
        validUntil = now.advanced(by: .nanoseconds(max(1, 1_000_000_000 - nanoseconds)))
        if seconds == self.seconds && !text.isEmpty { return }
        self.seconds = seconds
        text = HTTPDate.text(seconds)
    }
}
