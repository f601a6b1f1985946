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
    /// How often a packet is sent again before the other side is given up, where the time between was agreed on.
    static let agreedTries = 10
    /// The longest patience that such a time asks for.
    static let longestPatience = Duration.seconds(600)

    /// What both sides have agreed on (RFC 2349), which is neither adapted nor doubled.
    private let agreed: Duration?
    private var smoothed: Duration?
    private var variation = Duration.zero
    private var doublings = 0

    init(agreed: Duration? = nil) { self.agreed = agreed }

    /// The time to wait now.
    var current: Duration {
        if let agreed { return agreed }
        var time = estimate
        for _ in 0..<doublings where time < Self.longest { time *= 2 }
        return min(time, Self.longest)
    }

    /// How long the other side may be silent: as long as `usual`, or as ten tries take with the time that was agreed on,
    /// ten minutes at most. That is two tries even with the longest time that can be agreed on, 255 s.
    func patience(_ usual: Duration) -> Duration {
        guard let agreed else { return usual }
        return max(usual, min(agreed * Self.agreedTries, Self.longestPatience))
    }

    /// How long the last acknowledgement can be asked for: as long as `usual`, or until the other side has asked twice with
    /// the time that was agreed on.
    func linger(_ usual: Duration) -> Duration { agreed.map { max(usual, $0 * 2 + .seconds(1)) } ?? usual }

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
