// How long to wait for an answer before a packet is sent again: as long as answers have taken lately and some more, twice
// as long each time that none came (RFC 1123, 4.2.3.2; RFC 6298). Knows no clock.

import Reactor

/// The time until a packet is sent again.
struct RetransmissionTimer: Sendable {
    /// Before anything was measured.
    static let first = Duration.seconds(1)
    /// Neither a fast network nor a slow peer make it shorter or longer than this.
    static let shortest = Duration.milliseconds(100)
    static let longest = Duration.seconds(5)

    /// What both sides have agreed on, which is not adapted.
    private let agreed: Duration?
    private var smoothed: Duration?
    private var variation = Duration.zero
    private var doublings = 0

    init(agreed: Duration? = nil) { self.agreed = agreed }

    /// The time to wait now.
    var current: Duration {
        var time = agreed ?? estimate
        for _ in 0..<doublings where time < Self.longest { time *= 2 }
        return agreed == nil ? min(time, Self.longest) : time
    }

    private var estimate: Duration {
        guard let smoothed else { return Self.first }
        return max(Self.shortest, smoothed + variation * 4)
    }

    /// An answer took this long; only for packets that were sent once, for otherwise nobody knows which one was answered.
    mutating func measured(_ time: Duration) {
        guard let smoothed else {
            (self.smoothed, variation) = (time, time / 2)
            return
        }
        let difference = time > smoothed ? time - smoothed : smoothed - time
        variation = (variation * 3 + difference) / 4
        self.smoothed = (smoothed * 7 + time) / 8
    }

    /// No answer came.
    mutating func backOff() { doublings = min(doublings + 1, 8) }

    /// The transfer goes on.
    mutating func progressed() { doublings = 0 }
}
