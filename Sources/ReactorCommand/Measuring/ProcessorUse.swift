// How much of this machine other processes took while a sample was measured: the difference between what all
// processors did and what the measured processes did.

/// The time that all processors together have worked, from proc(5), `/proc/stat`.
struct ProcessorUse {
    /// Nanoseconds of work since the system started; time spent waiting does not count.
    let busyNanoseconds: Int64
    let time: ContinuousClock.Instant

    /// The kernel counts in hundredths of a second (`USER_HZ`).
    private static let tickNanoseconds: Int64 = 10_000_000

    /// Returns the time until now; `nil` where the file cannot be read.
    static func now() -> ProcessorUse? { ProcessFile.text("/proc/stat").flatMap { ProcessorUse($0, at: .now) } }

    /// Reads the first line: `cpu user nice system idle iowait irq softirq steal guest guest_nice`.
    init?(_ text: String, at time: ContinuousClock.Instant) {
        guard let line = text.split(whereSeparator: \.isNewline).first else { return nil }
        let words = line.split(separator: " ")
        let ticks = words.dropFirst().compactMap { Int64($0) }
        guard words.first == "cpu", ticks.count >= 8, ticks.count == words.count - 1 else { return nil }
        // Guests are part of user and nice already.
        let busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]
        busyNanoseconds = busy * Self.tickNanoseconds
        self.time = time
    }

    /// Returns how many processors others used since an earlier moment, 0 or more.
    ///
    /// - Parameter own: the processor time in nanoseconds of the processes that were measured.
    func others(since earlier: ProcessorUse, own: Int64) -> Double {
        let elapsed = (time - earlier.time) / .nanoseconds(1)
        guard elapsed > 0 else { return 0 }
        return max(0, Double(busyNanoseconds - earlier.busyNanoseconds - own) / elapsed)
    }
}
