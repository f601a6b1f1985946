// The send times of the messages in flight.

/// The send times of the messages in flight on a connection, oldest first, in a ring.
///
/// At depth 1 the connection stores the only send time itself, so the ring stays empty.
struct SendTimes {
    private var ring: [Int64]
    private var oldest = 0

    init(depth: Int) { ring = depth == 1 ? [] : [Int64](repeating: 0, count: depth) }

    /// Appends `count` equal times behind those of the `inFlight` messages.
    mutating func append(_ time: Int64, count: Int, behind inFlight: Int) {
        var place = oldest + inFlight
        for _ in 0..<count {
            if place >= ring.count { place -= ring.count }
            ring[place] = time
            place += 1
        }
    }

    /// Removes the oldest time and returns it.
    mutating func take() -> Int64 {
        defer { oldest = oldest + 1 == ring.count ? 0 : oldest + 1 }
        return ring[oldest]
    }
}
