// Finds callbacks that block the loop, and measures all callbacks on request, without reading a clock for each: the
// processor's tick counter costs a few cycles, and the clock is read only when the counter has moved far, to find out
// how long that was.

/// Measures callbacks in ticks. Ticks have no unit; the clock, read at the start and when in doubt, provides one.
struct CallbackClock {
    /// Fewer ticks than this are below 25 ms: the slowest counter on which Linux runs servers runs at 16 MHz.
    private static let doubt: UInt64 = 400_000

    private let ticksAtStart: UInt64
    /// The time at which the loop was created.
    let timeAtStart: MonotonicTime
    /// The ticks when the last callback returned, or the turn began.
    var last: UInt64
    private var turnStart: UInt64
    /// The number of ticks from which on a callback is looked at more closely. Zero while times are measured, so that
    /// every callback is: one comparison serves both.
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

    /// Calibrates the length of a tick over all that have passed since the loop began.
    mutating func adjust(_ ticks: UInt64, now: MonotonicTime) {
        let elapsed = now.nanoseconds - timeAtStart.nanoseconds
        let counted = Self.count(from: ticksAtStart, to: ticks)
        if elapsed > 0 && counted > 0 { nanosecondsPerTick = Double(elapsed) / Double(counted) }
    }

    /// Calibrates with the beginning of the turn, when the clock was read anyway.
    mutating func adjust(turnBeganAt now: MonotonicTime) { adjust(turnStart, now: now) }

    /// Returns the time since the last callback.
    func nanosecondsOfCallback(until ticks: UInt64) -> Int64 { nanoseconds(from: last, to: ticks) }

    /// Returns the time since the turn began.
    func nanosecondsOfTurn(until ticks: UInt64) -> Int64 { nanoseconds(from: turnStart, to: ticks) }

    private func nanoseconds(from start: UInt64, to end: UInt64) -> Int64 {
        Int64(exactly: (Double(Self.count(from: start, to: end)) * nanosecondsPerTick).rounded()) ?? .max
    }

    /// The counters of two processors may differ a little: a negative count is taken as zero.
    private static func count(from start: UInt64, to end: UInt64) -> Int64 { max(0, Int64(bitPattern: end &- start)) }
}
