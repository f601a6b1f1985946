// Who waits for tokens waits for a tick, every 50 ms of the clock: ten thousand limited connections set a few timers between
// them, and not one each. There is no tick while nobody waits.

/// One direction of one connection, as far as its rate goes. Made when a limit is set, gone when there is none.
final class RateMeter {
    /// Which way bytes move.
    enum Direction { case reading, writing }

    let direction: Direction
    private unowned let loop: EventLoop
    /// `nil` when the connection is over.
    private weak var source: EventSource?
    /// Its own limit.
    var bucket: TokenBucket?
    /// The limit that it shares.
    private(set) var group: RateGroup?
    /// The tick that it waits for; another one that comes is an old one.
    fileprivate var tick: Int64?
    /// What the group keeps about it.
    var place = RateGroup.Place()

    init(_ source: EventSource, _ direction: Direction) {
        self.source = source
        self.direction = direction
        loop = source.loop
    }

    /// Whether there is nothing to keep to.
    var isUnlimited: Bool { bucket == nil && group == nil }

    /// Joins another group, or none.
    func join(_ next: RateGroup?) {
        let former = group
        group = nil
        former?.leave(self)
        group = next
        group?.enter()
    }

    /// How many bytes may move now.
    func allowance() -> Int {
        var allowed = Int.max
        if bucket != nil {
            bucket!.refill(at: loop.turnTime)
            allowed = bucket!.level
        }
        if let group { allowed = min(allowed, group.allowance(of: self)) }
        return max(0, allowed)
    }

    /// Bytes have moved.
    func take(_ count: Int) {
        bucket?.take(count)
        group?.take(count, for: self)
    }

    /// Has its source told when it may go on, which it may not now.
    func wait() {
        if let bucket, bucket.level <= 0 {
            loop.rateTicks.wake(self, at: bucket.time(of: bucket.portion(of: 1)), on: loop)
        } else {
            group?.line(up: self)
        }
    }

    /// It may be that it can go on.
    func resume() { source?.rateAllows(direction) }

    /// The source is over.
    func end() {
        join(nil)
        source = nil
    }
}

/// The ticks of a loop, and who waits for which.
final class RateTicks {
    /// Nanoseconds between ticks.
    static let length: Int64 = 50_000_000

    private var waiting: [Int64: [(Int64) -> Void]] = [:]

    /// How many ticks are to come that somebody waits for; each has one timer.
    var count: Int { waiting.count }

    /// Forgets who waits: the loop has ended.
    func removeAll() {
        let ended = waiting
        waiting = [:]
        withExtendedLifetime(ended) {}
    }

    /// Resumes a meter at the first tick from `time` on.
    func wake(_ meter: RateMeter, at time: MonotonicTime, on loop: EventLoop) {
        meter.tick = call(at: time, on: loop) { tick in
            // Another wait has begun since: that one counts.
            guard meter.tick == tick else { return }
            meter.tick = nil
            meter.resume()
        }
    }

    /// Calls at the first tick from `time` on, which is never the present one; answers its number.
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
