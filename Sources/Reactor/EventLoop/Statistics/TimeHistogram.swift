// A histogram of durations: a small fixed set of buckets, each twice as wide as the one before, so that adding takes a
// few instructions and the histogram is a plain value.

/// A histogram of times, in buckets of powers of two nanoseconds from 1 ns to 9 minutes.
///
/// A quantile is exact to a factor of two; the longest time is exact.
public struct TimeHistogram: Sendable {
    private static let bucketCount = 40

    private var counts = InlineArray<40, Int>(repeating: 0)
    private var longestNanoseconds: Int64 = 0
    private var totalNanoseconds: Int64 = 0
    /// The number of times added.
    public private(set) var count = 0

    /// Creates an empty histogram.
    package init() {}

    /// Adds a time; a negative one counts as zero.
    mutating func add(nanoseconds: Int64) {
        let time = max(0, nanoseconds)
        counts[Self.bucket(of: time)] &+= 1
        count &+= 1
        totalNanoseconds &+= time
        longestNanoseconds = max(longestNanoseconds, time)
    }

    /// Returns the bucket of a time. Bucket `i` holds times from 2^(i-1) to below 2^i ns; the last one also holds all
    /// longer times.
    private static func bucket(of nanoseconds: Int64) -> Int {
        min(bucketCount - 1, Int64.bitWidth - nanoseconds.leadingZeroBitCount)
    }

    /// The longest time.
    public var longest: Duration { .nanoseconds(longestNanoseconds) }

    /// The mean; zero when the histogram is empty.
    public var mean: Duration { .nanoseconds(count == 0 ? 0 : totalNanoseconds / Int64(count)) }

    /// Returns the time that at most a share of `1 - fraction` of all times exceeds, rounded up to the end of its
    /// bucket.
    public func quantile(_ fraction: Double) -> Duration {
        let rank = max(1, Int((Double(count) * min(1, max(0, fraction))).rounded(.up)))
        var seen = 0
        for index in 0..<Self.bucketCount {
            seen += counts[index]
            if seen >= rank { return .nanoseconds(min(longestNanoseconds, 1 << Int64(index) - 1)) }
        }
        return longest
    }

    /// The non-empty buckets: the exclusive upper bound of each, and its count.
    package var buckets: [(below: Duration, count: Int)] {
        (0..<Self.bucketCount).compactMap { index in
            counts[index] == 0 ? nil : (.nanoseconds(1 << Int64(index)), counts[index])
        }
    }

    /// Returns the sum of two histograms, those of two loops for instance.
    package static func + (left: TimeHistogram, right: TimeHistogram) -> TimeHistogram {
        var sum = left
        for index in 0..<bucketCount { sum.counts[index] &+= right.counts[index] }
        sum.count &+= right.count
        sum.totalNanoseconds &+= right.totalNanoseconds
        sum.longestNanoseconds = max(left.longestNanoseconds, right.longestNanoseconds)
        return sum
    }
}
