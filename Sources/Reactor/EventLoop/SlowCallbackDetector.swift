// Finds callbacks that keep the loop waiting, without reading a clock for each: the processor's tick counter costs a few
// cycles, and only when it has moved far is the clock asked what that was worth.

/// Compares ticks between callbacks. Ticks have no unit; the clock, read at the start and when in doubt, gives them one.
struct SlowCallbackDetector {
    /// No processor's counter moves this far in 25 ms at 16 MHz, the slowest that Linux runs servers on, or later.
    private static let doubt: UInt64 = 400_000

    private let ticksAtStart: UInt64
    private let timeAtStart: MonotonicTime
    /// When the last callback returned, or the turn began.
    var last: UInt64

    init(ticks: UInt64, now: MonotonicTime) {
        ticksAtStart = ticks
        timeAtStart = now
        last = ticks
    }

    @inline(__always)
    mutating func turnBegan(at ticks: UInt64) { last = ticks }

    @inline(__always)
    func mayHaveBeenSlow(_ ticks: UInt64) -> Bool { ticks &- last > Self.doubt }

    /// The time since the last callback, in nanoseconds, from the rate of ticks since the loop began.
    func nanoseconds(until ticks: UInt64, now: MonotonicTime) -> Int64 {
        let elapsed = Double(now.nanoseconds - timeAtStart.nanoseconds)
        let counted = Double(ticks &- ticksAtStart)
        guard counted > 0 else { return 0 }
        return Int64(Double(ticks &- last) * elapsed / counted)
    }
}
