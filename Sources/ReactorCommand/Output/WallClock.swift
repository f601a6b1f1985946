// The time of day. It may be set while the program runs, so it is for people to read and never for a timer.

import Demos

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The system's wall clock.
enum WallClock {
    /// Returns the current time of day (clock_gettime(2), `CLOCK_REALTIME`).
    @Sendable static func now() -> WallTime {
        var time = timespec()
        // Safe: the kernel fills the local `timespec` during the call and does not keep the pointer.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(seconds: time.tv_sec, nanoseconds: time.tv_nsec)
    }
}
