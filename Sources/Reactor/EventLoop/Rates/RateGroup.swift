// A rate that several connections share. Each may move one portion per tick; a meter that wants more waits in line, and
// the line is served in order, so that a greedy connection cannot starve the others. A served meter goes to the end of
// the line at once, whether or not it will want more: otherwise connections whose descriptors come first in a turn
// would overtake others.
//
//     free --portion used up, or no tokens--> waits --tick with tokens for it--> free, with a new portion

/// A rate limit that connections of one loop share: for all clients of one customer, for instance.
///
///     let group = RateGroup(loop, limit: RateLimit(bytesPerSecond: 1_000_000))
///     …
///     connection.readGroup = group       // in `connected`, say
///
/// Confined to its loop's thread. Sharing is fair: when all connections want more than the limit allows, each gets the
/// same.
public final class RateGroup {
    /// A group's state of one of its meters.
    struct Place {
        fileprivate var isInLine = false
        /// Whether it wants to be served when its turn comes; other entries in the line are skipped.
        fileprivate var waits = false
        /// The rest of its portion, and the time at which the portion was granted.
        fileprivate var portion = 0
        fileprivate var portionTime = MonotonicTime(nanoseconds: .min)
    }

    let loop: EventLoop
    private var bucket: TokenBucket
    private var members = 0
    private var line: [RateMeter] = []
    private var waiting = 0
    /// The tick at which waiting meters are served; a call for any other tick is stale.
    private var tick: Int64?

    /// Creates an empty group.
    public init(_ loop: EventLoop, limit: RateLimit) {
        self.loop = loop
        bucket = TokenBucket(limit, now: loop.turnTime)
    }

    /// The limit. A new limit takes effect at once and begins with a full burst.
    public var limit: RateLimit {
        get { bucket.limit }
        set {
            bucket = TokenBucket(newValue, now: loop.turnTime)
            tick = nil  // the pending one may be far away
            tickIfNeeded()
        }
    }

    /// The number of members; each direction of a connection counts as one.
    public var count: Int { members }

    func enter() { members += 1 }

    func leave(_ meter: RateMeter) {
        members -= 1
        if meter.place.waits { waiting -= 1 }
        meter.place = Place()
        // Its entry in the line is skipped later; without waiting meters nothing would skip the entries, so clear the
        // line now.
        guard waiting == 0 else { return }
        for listed in line where listed.group === self { listed.place.isInLine = false }
        line = []
    }

    /// Returns the number of bytes that a member may move now.
    func allowance(of meter: RateMeter) -> Int {
        if meter.place.waits { return 0 }
        bucket.refill(at: loop.turnTime)
        // A member that has not waited gets a new portion, at most once per tick.
        if meter.place.portionTime + RateTicks.length <= loop.turnTime { grant(meter) }
        return min(meter.place.portion, bucket.level)
    }

    func take(_ count: Int, for meter: RateMeter) {
        bucket.take(count)
        meter.place.portion -= count
    }

    /// Puts a member in line.
    func line(up meter: RateMeter) {
        if meter.place.waits { return }
        meter.place.waits = true
        waiting += 1
        enqueue(meter)
        tickIfNeeded()
    }

    private func enqueue(_ meter: RateMeter) {
        if meter.place.isInLine { return }
        meter.place.isInLine = true
        line.append(meter)
    }

    private func grant(_ meter: RateMeter) {
        meter.place.portion = bucket.portion(of: members)
        meter.place.portionTime = loop.turnTime
    }

    private func tickIfNeeded() {
        if tick != nil || waiting == 0 { return }
        tick = loop.rateTicks.call(at: bucket.time(of: bucket.portion(of: members)), on: loop) { [self] number in
            guard number == tick else { return }
            tick = nil
            serve()
        }
    }

    /// Serves waiting members in order, as far as the tokens go.
    private func serve() {
        bucket.refill(at: loop.turnTime)
        var left = bucket.level
        var passed = 0
        var resumed: [RateMeter] = []
        let portion = bucket.portion(of: members)
        while waiting > 0 && left >= portion {
            let meter = line[passed]
            passed += 1
            guard meter.group === self else { continue }
            meter.place.isInLine = false
            guard meter.place.waits else { continue }
            meter.place.waits = false
            waiting -= 1
            grant(meter)
            left -= portion
            resumed.append(meter)
        }
        line.removeFirst(passed)
        for meter in resumed { enqueue(meter) }
        // Resumed members set the next tick themselves when they want more; members that still wait need it now.
        tickIfNeeded()
        for meter in resumed { meter.resume() }
    }
}
