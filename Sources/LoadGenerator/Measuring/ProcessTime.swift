// The CPU time of this process, from its own accounting.

#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The CPU time of this process.
enum ProcessTime {
    /// User and system time of all threads so far (clock_gettime(2), `CLOCK_PROCESS_CPUTIME_ID`), in nanoseconds.
    static func now() -> Int64 {
        var time = timespec()
        // The pointer is to a structure of our own, which outlives the call.
        guard unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
