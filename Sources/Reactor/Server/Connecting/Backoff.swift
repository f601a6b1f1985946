// How long to wait before trying again: exponential, with full jitter, so that a thousand clients that lost the same server
// do not come back at the same moment.

/// The times between attempts: each is chosen at random between nothing and a bound that doubles with every failure.
public struct Backoff: Sendable {
    /// The bound after the first failure. Default: 100 ms.
    public var initial = Duration.milliseconds(100)
    /// The largest bound. Default: 30 s.
    public var maximum = Duration.seconds(30)
    /// How long a connection has to last for the next failure to count as the first. Default: 10 s. A server that accepts
    /// and closes at once is no server that is well.
    public var resetAfter = Duration.seconds(10)
    /// Failures in a row.
    public private(set) var failures = 0

    /// The defaults.
    public init() {}

    /// Counts a failure; answers how long to wait before the next attempt.
    public mutating func nextDelay(using random: inout some RandomNumberGenerator) -> Duration {
        let most = max(0, maximum.wholeNanoseconds)
        var bound = min(most, max(1, initial.wholeNanoseconds))
        for _ in 0..<min(failures, 63) where bound < most {
            bound = bound > most / 2 ? most : bound * 2
        }
        failures += 1
        return .nanoseconds(Int64(random.next().multipliedFullWidth(by: UInt64(bound) + 1).high))
    }

    /// All is well again.
    public mutating func reset() { failures = 0 }
}
