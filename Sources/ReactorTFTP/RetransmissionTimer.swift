// The retransmission timeout: a smoothed round-trip time plus a margin, doubled with every timeout (RFC 1123, 4.2.3.2;
// RFC 6298). It computes durations only and reads no clock.

import Reactor

/// The adaptive timeout after which a packet is retransmitted.
struct RetransmissionTimer: Sendable {
    /// The timeout before the first measurement.
    static let first = Duration.seconds(1)
    /// The bounds of the adaptive timeout.
    static let shortest = Duration.milliseconds(100)
    static let longest = Duration.seconds(5)
    /// The number of tries before the peer is given up, if the timeout was negotiated.
    static let agreedTries = 10
    /// The longest patience that follows from a negotiated timeout.
    static let longestPatience = Duration.seconds(600)

    /// The negotiated timeout (RFC 2349), which is neither adapted nor doubled.
    private let agreed: Duration?
    private var smoothed: Duration?
    private var variation = Duration.zero
    private var doublings = 0

    init(agreed: Duration? = nil) { self.agreed = agreed }

    /// The current timeout.
    var current: Duration {
        if let agreed { return agreed }
        var time = estimate
        for _ in 0..<doublings where time < Self.longest { time *= 2 }
        return min(time, Self.longest)
    }

    /// Returns how long the peer may be silent: `usual`, or ten negotiated timeouts if that is longer, at most ten
    /// minutes. Even the longest timeout that can be negotiated, 255 s, leaves two tries.
    func patience(_ usual: Duration) -> Duration {
        guard let agreed else { return usual }
        return max(usual, min(agreed * Self.agreedTries, Self.longestPatience))
    }

    /// Returns how long the last acknowledgement remains available: `usual`, or long enough for two retransmissions by
    /// a peer with the negotiated timeout.
    func linger(_ usual: Duration) -> Duration { agreed.map { max(usual, $0 * 2 + .seconds(1)) } ?? usual }

    private var estimate: Duration {
        guard let smoothed else { return Self.first }
        return max(Self.shortest, smoothed + variation * 4)
    }

    /// Records a round-trip time. Only for packets that were sent once: otherwise it is unknown which copy was
    /// acknowledged (Karn's algorithm).
    mutating func measured(_ time: Duration) {
        guard let smoothed else {
            (self.smoothed, variation) = (time, time / 2)
            return
        }
        let difference = time > smoothed ? time - smoothed : smoothed - time
        variation = (variation * 3 + difference) / 4
        self.smoothed = (smoothed * 7 + time) / 8
    }

    /// Doubles the timeout, because no reply arrived in time.
    mutating func backOff() { doublings = min(doublings + 1, 8) }

    /// Ends the doubling: the transfer makes progress.
    mutating func progressed() { doublings = 0 }
}
