// How many bytes may move in a time: a token bucket. A token is a byte; tokens come at a steady rate and are kept up to the
// burst, and who wants to move bytes needs as many.

/// A rate in bytes, and how far it may be exceeded for a moment.
///
/// Over any time t, no more than `bytesPerSecond` × t + `burst` bytes move.
public struct RateLimit: Sendable, Hashable {
    private static let largest = 1 << 36

    /// Bytes a second in the long run.
    public let bytesPerSecond: Int
    /// Bytes that may move at once after a time of rest.
    public let burst: Int

    /// A rate.
    ///
    /// - Parameters:
    ///   - bytesPerSecond: at least 1, and less counts as that: a rate of nothing would hold a connection indefinitely, for
    ///     which there is ``Connection/pauseReading()``. More than 64 GiB a second counts as that.
    ///   - burst: at least 1, and less counts as that; at most 64 GiB. Default: what comes in one second. Those that wait are looked at every 50 ms: a burst of less
    ///     than what comes in 100 ms keeps the connection below its rate.
    public init(bytesPerSecond: Int, burst: Int? = nil) {
        self.bytesPerSecond = min(max(1, bytesPerSecond), Self.largest)
        self.burst = min(max(1, burst ?? bytesPerSecond), Self.largest)
    }
}

/// The tokens of a rate.
struct TokenBucket {
    private static let second: UInt64 = 1_000_000_000
    /// Two years: what is older makes no difference, and the product below stays within 128 bits.
    private static let longest: Int64 = 1 << 56
    /// Less than a full segment is not worth a system call.
    private static let segment = 1460

    let limit: RateLimit
    /// Tokens that are there.
    private(set) var level: Int
    /// Billionths of a token, so that nothing is lost to rounding.
    private var fraction: UInt64 = 0
    private var updated: MonotonicTime

    init(_ limit: RateLimit, now: MonotonicTime) {
        self.limit = limit
        level = limit.burst
        updated = now
    }

    /// Adds what has come since the last time.
    mutating func refill(at now: MonotonicTime) {
        let elapsed = min(now.nanoseconds - updated.nanoseconds, Self.longest)
        guard elapsed > 0 else { return }
        updated = now
        var (high, low) = UInt64(elapsed).multipliedFullWidth(by: UInt64(limit.bytesPerSecond))
        let (sum, carries) = low.addingReportingOverflow(fraction)
        low = sum
        if carries { high += 1 }
        let (tokens, rest) = Self.second.dividingFullWidth((high, low))
        if tokens >= UInt64(limit.burst - level) {
            (level, fraction) = (limit.burst, 0)
        } else {
            level += Int(tokens)
            fraction = rest
        }
    }

    /// Takes tokens for bytes that have moved.
    mutating func take(_ count: Int) { level -= count }

    /// When so many tokens will be there, at most a burst.
    func time(of count: Int) -> MonotonicTime {
        let missing = min(count, limit.burst) - level
        guard missing > 0 else { return updated }
        let (high, low) = UInt64(missing).multipliedFullWidth(by: Self.second)
        let rate = UInt64(limit.bytesPerSecond)
        guard high < rate else { return .never }
        let (quotient, rest) = rate.dividingFullWidth((high, low))
        return updated + Int64(clamping: quotient) + (rest == 0 ? 0 : 1)
    }

    /// How many tokens are worth waking up for, where so many share the bucket: what comes in a tick, or a segment. While
    /// one waits for the tick behind that, the bucket does not overflow, if the burst allows it.
    func portion(of members: Int) -> Int {
        let inTick = limit.bytesPerSecond / (Int(Self.second) / Int(RateTicks.length))
        return max(1, min(limit.burst - inTick, max(Self.segment, inTick / max(1, members))))
    }
}
