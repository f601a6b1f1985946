// A rate that several connections share. Each may take a portion a tick; who wants more waits in line, and the line is
// served in order, so that a greedy one cannot keep the others from theirs. Who is served goes to the end of the line at
// once, whether or not it will want more: otherwise those whose descriptors come first in a turn would overtake others.
//
//     free --portion used up, or no tokens--> waits --tick with tokens for it--> free, with a new portion

/// A limit that connections of one loop share: for all clients of one customer, for instance.
///
///     let group = RateGroup(loop, limit: RateLimit(bytesPerSecond: 1_000_000))
///     …
///     connection.readGroup = group       // in `connected`, say
///
/// Belongs to its loop's thread. The connections in it share fairly: when all want more than there is, each gets the same.
public final class RateGroup {
    /// What a group keeps about one of its meters.
    struct Place {
        fileprivate var isInLine = false
        /// It wants to be served when its turn comes; the others in line are passed over.
        fileprivate var waits = false
        /// What is left of its portion, and when it was granted.
        fileprivate var portion = 0
        fileprivate var portionTime = MonotonicTime(nanoseconds: .min)
    }

    let loop: EventLoop
    private var bucket: TokenBucket
    private var members = 0
    private var line: [RateMeter] = []
    private var waiting = 0
    /// The tick at which those who wait are served; another one that comes is an old one.
    private var tick: Int64?

    /// A group with nobody in it.
    public init(_ loop: EventLoop, limit: RateLimit) {
        self.loop = loop
        bucket = TokenBucket(limit, now: loop.turnTime)
    }

    /// The limit. A new one holds at once, and begins with a full burst.
    public var limit: RateLimit {
        get { bucket.limit }
        set {
            bucket = TokenBucket(newValue, now: loop.turnTime)
            tick = nil  // the one that is set may be far away
            tickIfNeeded()
        }
    }

    /// How many directions of connections share it.
    public var count: Int { members }

    func enter() { members += 1 }

    func leave(_ meter: RateMeter) {
        members -= 1
        if meter.place.waits { waiting -= 1 }
        meter.place = Place()
        // Its entry in the line is passed over in time; while nobody waits, nothing passes over any.
        guard waiting == 0 else { return }
        for listed in line where listed.group === self { listed.place.isInLine = false }
        line = []
    }

    /// How many bytes a member may move now.
    func allowance(of meter: RateMeter) -> Int {
        if meter.place.waits { return 0 }
        bucket.refill(at: loop.turnTime)
        // A new portion, for one that has not waited, at most once a tick.
        if meter.place.portionTime + RateTicks.length <= loop.turnTime { grant(meter) }
        return min(meter.place.portion, bucket.level)
    }

    func take(_ count: Int, for meter: RateMeter) {
        bucket.take(count)
        meter.place.portion -= count
    }

    /// Has a member served when its turn comes.
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

    /// Serves those in line, as far as the tokens go.
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
        // Those that are resumed set the next tick when they want more; those that still wait need it now.
        tickIfNeeded()
        for meter in resumed { meter.resume() }
    }
}
