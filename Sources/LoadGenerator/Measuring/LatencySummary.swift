// Latencies: recorded into a histogram of constant relative precision while the load runs, five figures at its end.

internal import Histogram

/// Where latencies lay, in nanoseconds; precise to three digits.
public struct LatencySummary: Sendable, Hashable {
    /// How many latencies these are.
    public let count: Int
    /// Half of them were at most this.
    public let p50: Int
    /// 90 % were at most this.
    public let p90: Int
    /// 99 % were at most this.
    public let p99: Int
    /// 99.9 % were at most this.
    public let p999: Int
    /// The longest.
    public let max: Int
}

/// Records latencies without allocating.
@safe final class LatencyRecorder {
    /// Longer ones count as this: an hour.
    private static let longest: UInt64 = 3_600_000_000_000

    // Behind a pointer, because a histogram's code is another module's, so that every record would otherwise be checked
    // for exclusive access. Safe: allocated and filled in init, freed in deinit, used by one thread and one call at a time.
    private let histogram: UnsafeMutablePointer<Histogram<UInt64>>
    private var maximum: UInt64 = 0

    init() {
        unsafe histogram = .allocate(capacity: 1)
        unsafe histogram.initialize(
            to: Histogram(highestTrackableValue: Self.longest, numberOfSignificantValueDigits: .three))
    }

    deinit {
        unsafe histogram.deinitialize(count: 1)
        unsafe histogram.deallocate()
    }

    /// Records a time in nanoseconds; a negative one, which only rounding can bring about, is zero.
    @inline(__always)
    func record(_ nanoseconds: Int64) {
        let value = min(UInt64(max(0, nanoseconds)), Self.longest)
        if value > maximum { maximum = value }
        unsafe histogram.pointee.record(value)
    }

    /// What was recorded; `nil` when nothing was.
    var summary: LatencySummary? {
        let count = unsafe histogram.pointee.totalCount
        guard count > 0 else { return nil }
        // A bucket is named by its upper end, which may be above the largest value in it.
        func percentile(_ percent: Double) -> Int {
            Int(min(unsafe histogram.pointee.valueAtPercentile(percent), maximum))
        }
        return LatencySummary(
            count: Int(count), p50: percentile(50), p90: percentile(90), p99: percentile(99), p999: percentile(99.9),
            max: Int(maximum))
    }
}
