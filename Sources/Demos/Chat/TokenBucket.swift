// How often something may happen: so many at once, and so many a second for long.

public import Reactor

/// A bucket that holds a number of tokens, from which one is taken for each event, and which is filled again with time.
public struct TokenBucket: Sendable {
    private let capacity: Int64
    /// Nanoseconds in which a token comes.
    private let interval: Int64
    /// When the bucket was, or will be, empty: it is the time since then that counts, so that no fraction is lost.
    private var emptyAt: MonotonicTime

    /// A full bucket.
    ///
    /// - Parameters:
    ///   - perSecond: tokens that come in a second; at least 1, at most a thousand million.
    ///   - burst: tokens that it holds; at least 1.
    public init(perSecond: Int, burst: Int) {
        interval = 1_000_000_000 / Int64(min(max(1, perSecond), 1_000_000_000))
        capacity = Int64(min(max(1, burst), 1_000_000))
        emptyAt = MonotonicTime(nanoseconds: .min / 2)
    }

    /// Takes a token; `false` when there is none.
    public mutating func take(at now: MonotonicTime) -> Bool {
        let full = MonotonicTime(nanoseconds: now.nanoseconds &- capacity &* interval)
        let since = max(emptyAt, full)
        guard now.nanoseconds &- since.nanoseconds >= interval else { return false }
        emptyAt = MonotonicTime(nanoseconds: since.nanoseconds &+ interval)
        return true
    }

    /// Whether it holds as many tokens as it can.
    func isFull(at now: MonotonicTime) -> Bool {
        emptyAt.nanoseconds <= now.nanoseconds &- capacity &* interval
    }

    /// How long it takes until there is a token.
    public func wait(at now: MonotonicTime) -> Duration {
        let full = MonotonicTime(nanoseconds: now.nanoseconds &- capacity &* interval)
        return .nanoseconds(max(0, interval &- (now.nanoseconds &- max(emptyAt, full).nanoseconds)))
    }
}
