// The arithmetic of token buckets: exact, without overflow, whatever the numbers.

import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(20))) struct TokenBucketTests {
    private func time(_ nanoseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: nanoseconds) }

    @Test func tokensComeExactlyHoweverOftenOneLooks() {
        for rate in [1, 3, 7, 1000, 999_983, 1 << 30] {
            for step in [1, 999, 1_000_003, 333_333_333] as [Int64] {
                var bucket = TokenBucket(RateLimit(bytesPerSecond: rate, burst: 1 << 36), now: time(5))
                bucket.take(1 << 36)
                for count in 1...1000 as ClosedRange<Int64> { bucket.refill(at: time(5 + count * step)) }
                let (high, low) = UInt64(1000 * step).multipliedFullWidth(by: UInt64(rate))
                let whole = Int(UInt64(1_000_000_000).dividingFullWidth((high, low)).quotient)
                #expect(bucket.level == min(1 << 36, whole))
            }
        }
    }

    @Test func itIsNeverFullerThanItsBurst() {
        var bucket = TokenBucket(RateLimit(bytesPerSecond: 10, burst: 15), now: time(0))
        bucket.refill(at: time(.max))
        #expect(bucket.level == 15)
        bucket.take(20)
        #expect(bucket.level == -5, "a debt")
        bucket.refill(at: time(.max))
        #expect(bucket.level == -5, "no time has passed")
    }

    @Test func theTimeOfTokensIsRoundedUp() {
        for rate in [1, 3, 1000, 999_983, 1 << 36] {
            var bucket = TokenBucket(RateLimit(bytesPerSecond: rate, burst: 1 << 20), now: time(77))
            bucket.take(1 << 20)
            for count in [1, 2, 1460] {
                let due = bucket.time(of: count)
                var early = bucket
                early.refill(at: time(due.nanoseconds - 1))
                #expect(early.level < count)
                var later = bucket
                later.refill(at: due)
                #expect(later.level >= count)
            }
        }
    }

    @Test func extremesAreClamped() {
        let fastest = RateLimit(bytesPerSecond: .max)
        #expect(fastest.bytesPerSecond == 1 << 36 && fastest.burst == 1 << 36)
        var bucket = TokenBucket(fastest, now: time(0))
        bucket.take(1 << 36)
        bucket.refill(at: time(.max))
        #expect(bucket.level == 1 << 36)
        let slowest = TokenBucket(RateLimit(bytesPerSecond: 1), now: time(0))
        #expect(slowest.portion(of: .max) == 1 && slowest.time(of: 1) == time(0))
        var indebted = TokenBucket(RateLimit(bytesPerSecond: 1, burst: 1 << 36), now: time(0))
        indebted.take(1 << 36)
        indebted.take(1 << 40)
        #expect(indebted.time(of: 1 << 36) == .never)
    }

    @Test func aRateOfNothingCountsAsTheLeastThereIs() {
        #expect(RateLimit(bytesPerSecond: 0) == RateLimit(bytesPerSecond: 1, burst: 1))
        #expect(RateLimit(bytesPerSecond: .min, burst: .min) == RateLimit(bytesPerSecond: 1, burst: 1))
    }
}
