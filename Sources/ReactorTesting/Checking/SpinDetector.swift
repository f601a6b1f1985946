// A program that waits again and again without sleeping and without anything to do is spinning: the one fault that no
// assertion about bytes can see.

/// Counts waits that came to nothing.
struct SpinDetector {
    private static let second: Int64 = 1_000_000_000

    private var madeProgress = true
    private var windowStart: Int64 = 0
    private var idleWaits = 0
    /// The most idle waits in one virtual second.
    private(set) var mostIdleWaits = 0
    /// How often the program has waited.
    private(set) var waits = 0
    /// Of these, how often without sleeping and without having done anything since the last wait.
    private(set) var allIdleWaits = 0

    /// Something was done: bytes moved, a descriptor made or closed, or a fault got in the way.
    mutating func noteProgress() { madeProgress = true }

    /// A wait ends; answers the number of idle waits in this second so far.
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
