// When messages were sent, for as long as they are on their way.

/// When the messages that are in flight on a connection were sent, oldest first, in a ring.
///
/// At depth 1 there is only one such time, for which a connection needs no ring: this one then has no memory.
struct SendTimes {
    private var ring: [Int64]
    private var oldest = 0

    init(depth: Int) { ring = depth == 1 ? [] : [Int64](repeating: 0, count: depth) }

    /// Adds a time `count` times behind those of the `inFlight` messages that are on their way.
    mutating func append(_ time: Int64, count: Int, behind inFlight: Int) {
        var place = oldest + inFlight
        for _ in 0..<count {
            if place >= ring.count { place -= ring.count }
            ring[place] = time
            place += 1
        }
    }

    /// Takes the oldest.
    mutating func take() -> Int64 {
        defer { oldest = oldest + 1 == ring.count ? 0 : oldest + 1 }
        return ring[oldest]
    }
}
