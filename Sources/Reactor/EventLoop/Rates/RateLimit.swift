// Rate limiting with a token bucket. A token stands for a byte; tokens arrive at a steady rate, accumulate up to the
// burst, and are spent on the bytes that move.

/// A rate in bytes per second, and the burst by which it may be exceeded.
public struct RateLimit: Sendable, Hashable {
    private static let largest = 1 << 36

    /// Bytes per second in the long run.
    public let bytesPerSecond: Int
    /// Bytes that may move at once after an idle period.
    public let burst: Int

    /// Creates a rate limit.
    ///
    /// - Parameters:
    ///   - bytesPerSecond: 1 to 64 GiB; other values are clamped. A rate of zero would hold a connection indefinitely;
    ///     use ``Connection/pauseReading()`` for that.
    ///   - burst: 1 B to 64 GiB; other values are clamped. Default: the bytes of one second. Waiting connections resume
    ///     on ticks of 50 ms, so a burst of less than the bytes of 100 ms keeps a connection below its rate.
    public init(bytesPerSecond: Int, burst: Int? = nil) {
        self.bytesPerSecond = min(max(1, bytesPerSecond), Self.largest)
        self.burst = min(max(1, burst ?? bytesPerSecond), Self.largest)
    }
}

/// A token bucket.
struct TokenBucket {
    private static let second: UInt64 = 1_000_000_000
    /// Two years: a longer time makes no difference, and the product below stays within 128 bits.
    private static let longest: Int64 = 1 << 56
    /// Sending less than a full segment is not worth a system call.
    private static let segment = 1460

    let limit: RateLimit
    /// Available tokens.
    private(set) var level: Int
    /// Billionths of a token, so that rounding loses nothing.
    private var fraction: UInt64 = 0
    private var updated: MonotonicTime

    init(_ limit: RateLimit, now: MonotonicTime) {
        self.limit = limit
        level = limit.burst
        updated = now
    }

    /// Adds the tokens that have arrived since the last refill.
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

    /// Takes tokens for bytes that have moved; the level may become negative.
    mutating func take(_ count: Int) { level -= count }

    /// Returns the time at which `count` tokens, or a full burst if that is less, will be available.
    func time(of count: Int) -> MonotonicTime {
        let missing = min(count, limit.burst) - level
        guard missing > 0 else { return updated }
        let (high, low) = UInt64(missing).multipliedFullWidth(by: Self.second)
        let rate = UInt64(limit.bytesPerSecond)
        guard high < rate else { return .never }
        let (quotient, rest) = rate.dividingFullWidth((high, low))
        return updated + Int64(clamping: quotient) + (rest == 0 ? 0 : 1)
    }

    /// Returns the number of tokens worth waking up for, where `members` share the bucket: the tokens of one tick, or a
    /// segment. A bucket whose burst allows it does not overflow while a member waits for the tick after that.
    func portion(of members: Int) -> Int {
        let inTick = limit.bytesPerSecond / (Int(Self.second) / Int(RateTicks.length))
        return max(1, min(limit.burst - inTick, max(Self.segment, inTick / max(1, members))))
    }
}
