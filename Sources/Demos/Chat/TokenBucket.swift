// A rate limit: a burst at once, and a sustained rate per second.

package import Reactor

/// A token bucket: each event takes one token, and tokens are replenished at a constant rate.
package struct TokenBucket: Sendable {
    private let capacity: Int64
    /// The time in which one token is added, in nanoseconds.
    private let interval: Int64
    /// The time at which the bucket was, or will be, empty; tokens are derived from it, so that no fraction is lost.
    private var emptyAt: MonotonicTime

    /// Creates a full bucket.
    ///
    /// - Parameters:
    ///   - perSecond: the tokens added per second; clamped to 1 to 1,000,000,000.
    ///   - burst: the capacity, in tokens; clamped to 1 to 1,000,000.
    package init(perSecond: Int, burst: Int) {
        interval = 1_000_000_000 / Int64(min(max(1, perSecond), 1_000_000_000))
        capacity = Int64(min(max(1, burst), 1_000_000))
        emptyAt = MonotonicTime(nanoseconds: .min / 2)
    }

    /// Takes a token; returns `false` if the bucket is empty.
    package mutating func take(at now: MonotonicTime) -> Bool {
        let full = MonotonicTime(nanoseconds: now.nanoseconds &- capacity &* interval)
        let since = max(emptyAt, full)
        guard now.nanoseconds &- since.nanoseconds >= interval else { return false }
        emptyAt = MonotonicTime(nanoseconds: since.nanoseconds &+ interval)
        return true
    }

    /// Returns whether the bucket is full.
    func isFull(at now: MonotonicTime) -> Bool {
        emptyAt.nanoseconds <= now.nanoseconds &- capacity &* interval
    }

    /// Returns the time until a token is available.
    package func wait(at now: MonotonicTime) -> Duration {
        let full = MonotonicTime(nanoseconds: now.nanoseconds &- capacity &* interval)
        return .nanoseconds(max(0, interval &- (now.nanoseconds &- max(emptyAt, full).nanoseconds)))
    }
}
