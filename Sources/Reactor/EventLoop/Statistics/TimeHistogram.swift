// How long something took, many times over: counts in a small fixed set of buckets, each twice as wide as the one before,
// so that adding is a few instructions and the whole is a plain value.

/// Times, counted in buckets of powers of two nanoseconds, from 1 ns to 18 minutes.
///
/// A quantile is exact to a factor of two; the longest time is exact.
public struct TimeHistogram: Sendable, Hashable {
    private static let bucketCount = 40

    private var counts = InlineArray<40, Int>(repeating: 0)
    private var longestNanoseconds: Int64 = 0
    private var totalNanoseconds: Int64 = 0
    /// How many times were added.
    public private(set) var count = 0

    /// A histogram without times.
    public init() {}

    /// Adds a time; a negative one counts as none at all.
    mutating func add(nanoseconds: Int64) {
        let time = max(0, nanoseconds)
        counts[Self.bucket(of: time)] &+= 1
        count &+= 1
        totalNanoseconds &+= time
        longestNanoseconds = max(longestNanoseconds, time)
    }

    /// Bucket `i` holds times below 2^i ns, from half of that on; the last one holds all that are longer too.
    private static func bucket(of nanoseconds: Int64) -> Int {
        min(bucketCount - 1, Int64.bitWidth - nanoseconds.leadingZeroBitCount)
    }

    /// The longest time.
    public var longest: Duration { .nanoseconds(longestNanoseconds) }

    /// The mean; zero when there are no times.
    public var mean: Duration { .nanoseconds(count == 0 ? 0 : totalNanoseconds / Int64(count)) }

    /// A time that no more than `1 - fraction` of all exceed, rounded up to the end of its bucket.
    ///
    /// - Parameter fraction: 0 to 1; 0.99 asks for the 99th percentile.
    public func quantile(_ fraction: Double) -> Duration {
        let rank = max(1, Int((Double(count) * min(1, max(0, fraction))).rounded(.up)))
        var seen = 0
        for index in 0..<Self.bucketCount {
            seen += counts[index]
            if seen >= rank { return .nanoseconds(min(longestNanoseconds, 1 << Int64(index) - 1)) }
        }
        return longest
    }

    /// The buckets that hold something: times shorter than `below`, and how many.
    public var buckets: [(below: Duration, count: Int)] {
        (0..<Self.bucketCount).compactMap { index in
            counts[index] == 0 ? nil : (.nanoseconds(1 << Int64(index)), counts[index])
        }
    }

    /// The times of both: of two loops, for instance.
    public static func + (left: TimeHistogram, right: TimeHistogram) -> TimeHistogram {
        var sum = left
        for index in 0..<bucketCount { sum.counts[index] &+= right.counts[index] }
        sum.count &+= right.count
        sum.totalNanoseconds &+= right.totalNanoseconds
        sum.longestNanoseconds = max(left.longestNanoseconds, right.longestNanoseconds)
        return sum
    }

    /// Whether both hold the same.
    public static func == (left: TimeHistogram, right: TimeHistogram) -> Bool {
        left.count == right.count && left.totalNanoseconds == right.totalNanoseconds
            && left.longestNanoseconds == right.longestNanoseconds
            && (0..<bucketCount).allSatisfy { left.counts[$0] == right.counts[$0] }
    }

    /// Feeds what it holds to a hasher.
    public func hash(into hasher: inout Hasher) {
        for index in 0..<Self.bucketCount { hasher.combine(counts[index]) }
        hasher.combine(totalNanoseconds)
        hasher.combine(longestNanoseconds)
    }
}
