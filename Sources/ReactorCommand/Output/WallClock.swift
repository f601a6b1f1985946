// The time of day, which somebody may set while the program runs: for people to read, never for a timer.

import Demos

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The system's wall clock.
enum WallClock {
    /// What time it is (clock_gettime(2), `CLOCK_REALTIME`).
    @Sendable static func now() -> WallTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(seconds: time.tv_sec, nanoseconds: time.tv_nsec)
    }
}
