// A meter that waits for tokens waits for a tick, every 50 ms of the clock: ten thousand limited connections share a
// few timers instead of setting one each. Without a waiting meter the loop sets no timer.

/// The rate meter of one direction of one connection. Created when a limit is set, dropped when none is left.
final class RateMeter {
    /// The direction in which bytes move.
    enum Direction { case reading, writing }

    let direction: Direction
    private unowned let loop: EventLoop
    /// The connection; `nil` when it is closed.
    private weak var source: EventSource?
    /// The connection's own limit.
    var bucket: TokenBucket?
    /// The limit shared with other connections.
    private(set) var group: RateGroup?
    /// The tick that it waits for; a call for any other tick is stale.
    fileprivate var tick: Int64?
    /// The group's state of this meter.
    var place = RateGroup.Place()

    init(_ source: EventSource, _ direction: Direction) {
        self.source = source
        self.direction = direction
        loop = source.loop
    }

    /// Whether no limit applies.
    var isUnlimited: Bool { bucket == nil && group == nil }

    /// Leaves the current group and joins `next`, if any.
    func join(_ next: RateGroup?) {
        let former = group
        group = nil
        former?.leave(self)
        group = next
        group?.enter()
    }

    /// Returns the number of bytes that may move now.
    func allowance() -> Int {
        var allowed = Int.max
        if bucket != nil {
            bucket!.refill(at: loop.turnTime)
            allowed = bucket!.level
        }
        if let group { allowed = min(allowed, group.allowance(of: self)) }
        return max(0, allowed)
    }

    /// Takes tokens for bytes that have moved.
    func take(_ count: Int) {
        bucket?.take(count)
        group?.take(count, for: self)
    }

    /// Waits until tokens are available, then calls ``EventSource/rateAllows(_:)``. Called when there are none.
    func wait() {
        if let bucket, bucket.level <= 0 {
            loop.rateTicks.wake(self, at: bucket.time(of: bucket.portion(of: 1)), on: loop)
        } else {
            group?.line(up: self)
        }
    }

    /// Lets the source try again.
    func resume() { source?.rateAllows(direction) }

    /// Leaves the group, because the source has closed.
    func end() {
        join(nil)
        source = nil
    }
}

/// The ticks of a loop, and the actions that wait for each.
final class RateTicks {
    /// Nanoseconds between ticks.
    static let length: Int64 = 50_000_000

    private var waiting: [Int64: [(Int64) -> Void]] = [:]

    /// The number of pending ticks; each has one timer.
    var count: Int { waiting.count }

    /// Drops all waiting actions, because the loop has ended.
    func removeAll() {
        let ended = waiting
        waiting = [:]
        withExtendedLifetime(ended) {}
    }

    /// Resumes a meter at the first tick at or after `time`.
    func wake(_ meter: RateMeter, at time: MonotonicTime, on loop: EventLoop) {
        meter.tick = call(at: time, on: loop) { tick in
            // A later wait replaces this one.
            guard meter.tick == tick else { return }
            meter.tick = nil
            meter.resume()
        }
    }

    /// Calls `action` at the first tick at or after `time`, but never at the present one.
    ///
    /// - Returns: The tick's number.
    func call(at time: MonotonicTime, on loop: EventLoop, _ action: @escaping (Int64) -> Void) -> Int64 {
        let next = Self.number(of: loop.turnTime, roundedUp: false) + 1
        let tick = max(next, Self.number(of: time, roundedUp: true))
        if waiting[tick] == nil {
            let (time, overflow) = tick.multipliedReportingOverflow(by: Self.length)
            _ = loop.timers.schedule(
                at: overflow ? .never : MonotonicTime(nanoseconds: time),
                .call { [unowned self] in fire(tick) })
        }
        waiting[tick, default: []].append(action)
        return tick
    }

    private func fire(_ tick: Int64) {
        for action in waiting.removeValue(forKey: tick) ?? [] { action(tick) }
    }

    private static func number(of time: MonotonicTime, roundedUp: Bool) -> Int64 {
        let (tick, rest) = time.nanoseconds.quotientAndRemainder(dividingBy: length)
        return roundedUp && rest > 0 ? tick + 1 : tick
    }
}
