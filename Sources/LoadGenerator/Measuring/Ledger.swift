// The counters of a running load, shared by its connections, which write them, and read by the generator.

/// The counters of a running load.
final class Ledger {
    /// The number of messages that came back complete and correct.
    private(set) var messages = 0
    /// The number of messages lost with their connections.
    private(set) var lostMessages = 0
    /// The number of messages that were sent, or are due, and have not come back.
    private(set) var outstanding = 0
    /// The number of messages that may still start. Unused by an open loop, whose schedule sets the number.
    private(set) var unbegun = 0
    /// The number of connections that echoed at least one message.
    private(set) var connectionsMade = 0
    /// The time of the last echo, in nanoseconds of the monotonic clock.
    private(set) var lastEchoNanoseconds: Int64 = 0
    private(set) var errors = LoadErrors()
    /// The number of failed attempts since the last echo: connections in ``LoadMode/churn``, datagrams in
    /// ``LoadMode/datagrams``, and in ``LoadMode/echo`` connections with echoes still due at the end.
    private(set) var failedAtEnd = 0

    let latency = LatencyRecorder()
    let uncorrected = LatencyRecorder()
    let setUp = LatencyRecorder()

    /// Starts measuring: up to `number` messages may start.
    func allow(_ number: Int) { unbegun = number }

    /// Takes up to `number` of the messages that may still start, and counts them as outstanding.
    @inline(__always)
    func take(_ number: Int) -> Int {
        let taken = min(number, unbegun)
        unbegun -= taken
        outstanding += taken
        return taken
    }

    /// Stops any further message from starting.
    func stopSending() { unbegun = 0 }

    /// Counts messages of an open loop that have become due.
    func becameDue(_ number: Int) { outstanding += number }

    /// Counts messages that have come back.
    @inline(__always)
    func completed(_ number: Int, at now: Int64) {
        messages += number
        outstanding -= number
        failedAtEnd = 0
        lastEchoNanoseconds = now
    }

    /// Whether every started message has come back or is lost, and no other will start.
    @inline(__always)
    var isDone: Bool { outstanding == 0 && unbegun == 0 }

    /// Counts a failed attempt that would have completed a message.
    func attemptFailed() { failedAtEnd += 1 }

    /// Counts a connection and records the time from the start of its connect to its first echo.
    func connectionMade(after nanoseconds: Int64) {
        connectionsMade += 1
        setUp.record(nanoseconds)
    }

    /// Counts a connection of ``LoadMode/churn`` that has echoed.
    func connectionMade() { connectionsMade += 1 }

    /// Counts messages as lost, with the connection that owed them.
    func lost(_ number: Int) {
        lostMessages += number
        outstanding -= number
    }

    /// Counts a failed connection, or a failed attempt to establish one.
    func failed(_ kind: LoadErrors.Kind, losing number: Int = 0, _ example: @autoclosure () -> String) {
        errors.count(kind, example())
        lost(number)
    }
}
