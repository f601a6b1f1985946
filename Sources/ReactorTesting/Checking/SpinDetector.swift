// A program that waits repeatedly without sleeping and without work to do is spinning: the one fault that no assertion
// about bytes can reveal.

/// A counter of idle waits.
struct SpinDetector {
    private static let second: Int64 = 1_000_000_000

    private var madeProgress = true
    private var windowStart: Int64 = 0
    private var idleWaits = 0
    /// The largest number of idle waits within one virtual second.
    private(set) var mostIdleWaits = 0
    /// The total number of waits.
    private(set) var waits = 0
    /// The number of waits that neither slept nor followed any progress.
    private(set) var allIdleWaits = 0

    /// Records progress: bytes moved, a descriptor was opened or closed, or a fault interfered.
    mutating func noteProgress() { madeProgress = true }

    /// Records the end of a wait and returns the number of idle waits in the current second.
    mutating func noteWait(at now: Int64, slept: Bool) -> Int {
        waits += 1
        defer { madeProgress = false }
        if madeProgress || slept { return 0 }
        allIdleWaits += 1
        if now - windowStart >= Self.second {
            windowStart = now
            idleWaits = 0
        }
        idleWaits += 1
        mostIdleWaits = max(mostIdleWaits, idleWaits)
        return idleWaits
    }
}
