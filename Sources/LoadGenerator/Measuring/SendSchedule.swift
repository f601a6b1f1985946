// The send times of an open loop. Pure arithmetic, so that the accounting can be tested without a clock: message k is
// due at start + k / rate and belongs to connection k mod n, as that connection's message k / n. So no queue of due
// times is needed.

/// A schedule of messages at constant intervals, round robin over connections.
struct SendSchedule: Sendable {
    /// The due time of the first message, in nanoseconds of the monotonic clock.
    let startNanoseconds: Int64
    /// The interval between two messages, in nanoseconds.
    let nanosecondsPerMessage: Double
    /// The number of connections that take turns.
    let connections: Int
    /// The total number of messages.
    private(set) var total: Int

    init(startNanoseconds: Int64, rate: Double, connections: Int, total: Int) {
        self.startNanoseconds = startNanoseconds
        self.connections = connections
        self.total = total
        nanosecondsPerMessage = 1e9 / rate
    }

    /// Returns the number of messages due before a duration is over.
    static func messages(in duration: Duration, rate: Double) -> Int {
        let number = (duration.inSeconds * rate).rounded(.up)
        return number < 9e15 ? max(1, Int(number)) : .max
    }

    /// Returns the due time of a message.
    @inline(__always)
    func dueNanoseconds(of message: Int) -> Int64 {
        let offset = Double(message) * nanosecondsPerMessage
        return offset < 9e18 - Double(startNanoseconds) ? startNanoseconds + Int64(offset) : .max
    }

    /// Returns the due time of a connection's message.
    @inline(__always)
    func dueNanoseconds(ofMessage index: Int, onConnection connection: Int) -> Int64 {
        dueNanoseconds(of: index * connections + connection)
    }

    /// Returns the number of messages due by now.
    func due(at now: Int64) -> Int {
        guard now >= startNanoseconds else { return 0 }
        var number = Int(Double(now - startNanoseconds) / nanosecondsPerMessage) + 1
        // The division may be off by one where `time(of:)` is exact.
        while number > 0 && dueNanoseconds(of: number - 1) > now { number -= 1 }
        while number < total && dueNanoseconds(of: number) <= now { number += 1 }
        return min(number, total)
    }

    /// The end of the schedule: one interval after the last message is due.
    var endNanoseconds: Int64 { dueNanoseconds(of: total) }

    /// Drops all messages but the first `number`.
    mutating func end(after number: Int) { total = min(total, number) }
}
