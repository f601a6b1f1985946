// The CPU time of this process, as accounted by the kernel.

#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The CPU time of this process.
enum ProcessTime {
    /// Returns the user and system time of all threads so far (clock_gettime(2), `CLOCK_PROCESS_CPUTIME_ID`), in
    /// nanoseconds; 0 when it is unavailable.
    static func nanoseconds() -> Int64 {
        var time = timespec()
        // Safe: the pointer refers to a local variable that outlives the call.
        guard unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
