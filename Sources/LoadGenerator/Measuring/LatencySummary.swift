// Latencies: recorded into a histogram of constant relative precision, and summarized in a few figures at the end.

internal import Histogram

/// A distribution of latencies, in nanoseconds, precise to three digits.
public struct LatencySummary: Sendable, Hashable {
    /// The number of latencies.
    public let count: Int
    /// The median.
    public let p50: Int
    /// The 90th percentile.
    public let p90: Int
    /// The 99th percentile.
    public let p99: Int
    /// The 99.9th percentile.
    public let p999: Int
    /// The maximum.
    public let max: Int
}

/// A latency histogram that records without allocating.
@safe final class LatencyRecorder {
    /// The longest latency recorded: an hour. Longer ones count as this.
    private static let longest: UInt64 = 3_600_000_000_000

    // Behind a pointer, because the histogram's code is in another module, so that every record would otherwise be
    // checked for exclusive access. Safe: allocated and initialized in init, freed in deinit, used by one thread and
    // one call at a time.
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

    /// Records a latency in nanoseconds; a negative one, which only rounding can produce, counts as zero.
    @inline(__always)
    func record(_ nanoseconds: Int64) {
        let value = min(UInt64(max(0, nanoseconds)), Self.longest)
        if value > maximum { maximum = value }
        unsafe histogram.pointee.record(value)
    }

    /// The summary of the recorded latencies; `nil` when there are none.
    var summary: LatencySummary? {
        let count = unsafe histogram.pointee.totalCount
        guard count > 0 else { return nil }
        // The histogram reports the upper end of a bucket, which may exceed the largest value in it.
        func percentile(_ percent: Double) -> Int {
            Int(min(unsafe histogram.pointee.valueAtPercentile(percent), maximum))
        }
        return LatencySummary(
            count: Int(count), p50: percentile(50), p90: percentile(90), p99: percentile(99), p999: percentile(99.9),
            max: Int(maximum))
    }
}
