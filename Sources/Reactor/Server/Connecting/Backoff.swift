// The pause before a retry: exponential with full jitter, so that a thousand clients that lost the same server do not
// reconnect at the same moment.

/// The pauses between attempts: random, from zero to a bound that doubles with every failure.
public struct Backoff: Sendable {
    /// The bound after the first failure. Default: 100 ms.
    public var initial = Duration.milliseconds(100)
    /// The largest bound. Default: 30 s.
    public var maximum = Duration.seconds(30)
    /// How long a connection has to last for the failures to be reset. Default: 10 s. A server that accepts and closes
    /// at once is not healthy.
    public var resetAfter = Duration.seconds(10)
    /// The number of consecutive failures.
    package private(set) var failures = 0

    /// Creates a backoff with default values.
    public init() {}

    /// Counts a failure and returns the pause before the next attempt.
    ///
    /// - Parameter random: the source of randomness.
    /// - Returns: The pause, from zero to the current bound.
    package mutating func nextDelay(using random: inout some RandomNumberGenerator) -> Duration {
        let most = max(0, maximum.wholeNanoseconds)
        var bound = min(most, max(1, initial.wholeNanoseconds))
        for _ in 0..<min(failures, 63) where bound < most {
            bound = bound > most / 2 ? most : bound * 2
        }
        failures += 1
        return .nanoseconds(Int64(random.next().multipliedFullWidth(by: UInt64(bound) + 1).high))
    }

    /// Resets the failures after a success.
    package mutating func reset() { failures = 0 }
}
