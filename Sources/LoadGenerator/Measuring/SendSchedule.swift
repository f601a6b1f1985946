// When the messages of an open loop should be sent. Pure arithmetic, so that the accounting can be tested without a
// clock: message k is due at start + k / rate and belongs to connection k mod n, which makes it that connection's message
// k / n. So no queue of due times is kept anywhere.

/// The times at which messages should be sent, at constant intervals, round robin over connections.
struct SendSchedule: Sendable {
    /// When the first message is due, in nanoseconds of the monotonic clock.
    let start: Int64
    /// The interval between two messages.
    let nanosecondsPerMessage: Double
    /// How many connections take turns.
    let connections: Int
    /// How many messages there will be in all.
    private(set) var total: Int

    init(start: Int64, rate: Double, connections: Int, total: Int) {
        self.start = start
        self.connections = connections
        self.total = total
        nanosecondsPerMessage = 1e9 / rate
    }

    /// How many messages fall into a duration: those that are due before it is over.
    static func messages(in duration: Duration, rate: Double) -> Int {
        let number = (duration.inSeconds * rate).rounded(.up)
        return number < 9e15 ? max(1, Int(number)) : .max
    }

    /// When a message is due.
    @inline(__always)
    func time(of message: Int) -> Int64 {
        let offset = Double(message) * nanosecondsPerMessage
        return offset < 9e18 - Double(start) ? start + Int64(offset) : .max
    }

    /// When a connection's message is due.
    @inline(__always)
    func time(ofMessage index: Int, onConnection connection: Int) -> Int64 {
        time(of: index * connections + connection)
    }

    /// How many messages are due by now.
    func due(at now: Int64) -> Int {
        guard now >= start else { return 0 }
        var number = Int(Double(now - start) / nanosecondsPerMessage) + 1
        // The division may be off by one where `time(of:)` is not.
        while number > 0 && time(of: number - 1) > now { number -= 1 }
        while number < total && time(of: number) <= now { number += 1 }
        return min(number, total)
    }

    /// When all messages have had their time.
    var end: Int64 { time(of: total) }

    /// Leaves out all messages but the first `number`.
    mutating func end(after number: Int) { total = min(total, number) }
}
