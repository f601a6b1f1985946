// The time of day, for the Date field: read and written out once a second, however many answers go out. Deadlines do not
// use it, for it can be set.

import Reactor

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The wall clock of a server.
final class HTTPClock {
    /// Seconds and nanoseconds since 1970.
    typealias Source = () -> (seconds: Int, nanoseconds: Int)

    private let source: Source
    private var validUntil = MonotonicTime(nanoseconds: 0)
    /// The time, in seconds since 1970.
    private(set) var seconds = 0
    /// The time as text.
    private(set) var text: [UInt8] = []

    /// The system's clock.
    static func system() -> (seconds: Int, nanoseconds: Int) {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return (time.tv_sec, time.tv_nsec)
    }

    init(_ source: @escaping Source = HTTPClock.system) { self.source = source }

    /// Sees to it that the time is right at a moment; a turn of the loop is one moment.
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
