// Finds callbacks that keep the loop waiting, and measures all of them when asked, without reading a clock for each: the
// processor's tick counter costs a few cycles, and only when it has moved far is the clock asked what that was worth.

/// Compares ticks between callbacks. Ticks have no unit; the clock, read at the start and when in doubt, gives them one.
struct CallbackClock {
    /// No processor's counter moves this far in 25 ms at 16 MHz, the slowest that Linux runs servers on, or later.
    private static let doubt: UInt64 = 400_000

    private let ticksAtStart: UInt64
    /// When the loop was made.
    let timeAtStart: MonotonicTime
    /// When the last callback returned, or the turn began.
    var last: UInt64
    private var turnStart: UInt64
    /// From so many ticks on, a callback is looked at more closely. Zero, which is all of them, while times are measured:
    /// one comparison serves both.
    private var closerLook = CallbackClock.doubt
    private var nanosecondsPerTick = 1.0

    init(ticks: UInt64, now: MonotonicTime) {
        ticksAtStart = ticks
        timeAtStart = now
        last = ticks
        turnStart = ticks
    }

    /// Whether every callback and turn is measured.
    var isMeasuring: Bool {
        get { closerLook == 0 }
        set { closerLook = newValue ? 0 : Self.doubt }
    }

    @inline(__always)
    mutating func turnBegan(at ticks: UInt64) {
        last = ticks
        turnStart = ticks
    }

    @inline(__always)
    func needsCloserLook(_ ticks: UInt64) -> Bool { ticks &- last >= closerLook }

    func mayHaveBeenSlow(_ ticks: UInt64) -> Bool { ticks &- last >= Self.doubt }

    /// Learns what a tick is worth, from all that have passed since the loop began.
    mutating func adjust(_ ticks: UInt64, now: MonotonicTime) {
        let elapsed = now.nanoseconds - timeAtStart.nanoseconds
        let counted = Self.count(from: ticksAtStart, to: ticks)
        if elapsed > 0 && counted > 0 { nanosecondsPerTick = Double(elapsed) / Double(counted) }
    }

    /// The same, from the beginning of the turn, when the clock was read anyway.
    mutating func adjust(turnBeganAt now: MonotonicTime) { adjust(turnStart, now: now) }

    /// The time since the last callback.
    func nanosecondsOfCallback(until ticks: UInt64) -> Int64 { nanoseconds(from: last, to: ticks) }

    /// The time since the turn began.
    func nanosecondsOfTurn(until ticks: UInt64) -> Int64 { nanoseconds(from: turnStart, to: ticks) }

    private func nanoseconds(from start: UInt64, to end: UInt64) -> Int64 {
        Int64(exactly: (Double(Self.count(from: start, to: end)) * nanosecondsPerTick).rounded()) ?? .max
    }

    /// Counters of two processors may differ a little: a count that seems to run backwards is none.
    private static func count(from start: UInt64, to end: UInt64) -> Int64 { max(0, Int64(bitPattern: end &- start)) }
}
