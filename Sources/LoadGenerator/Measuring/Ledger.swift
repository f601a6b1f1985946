// What a load counts while it runs: one for all its connections. The connections write into it, the generator reads it.

/// The counts of a running load.
final class Ledger {
    /// Messages that came back whole and right.
    private(set) var messages = 0
    /// Messages that were lost with their connections.
    private(set) var lostMessages = 0
    /// Messages that were sent, or are due, and have not come back.
    private(set) var outstanding = 0
    /// Messages that may still be begun. An open loop takes none from here: its schedule says how many there are.
    private(set) var unbegun = 0
    /// Connections that echoed at least one message.
    private(set) var connectionsMade = 0
    /// When the last message came back, in nanoseconds of the monotonic clock.
    private(set) var lastEcho: Int64 = 0
    private(set) var errors = LoadErrors()
    /// Attempts that failed since the last message came back: in ``LoadMode/churn`` connections, in ``LoadMode/datagrams``
    /// datagrams, in ``LoadMode/echo`` connections that owed echoes at the end.
    private(set) var failedAtEnd = 0

    let latency = LatencyRecorder()
    let uncorrected = LatencyRecorder()
    let setUp = LatencyRecorder()

    /// The time is taken from now on: up to so many messages may be begun.
    func allow(_ number: Int) { unbegun = number }

    /// Takes up to `number` of the messages that may still be begun; they are outstanding from now on.
    @inline(__always)
    func take(_ number: Int) -> Int {
        let taken = min(number, unbegun)
        unbegun -= taken
        outstanding += taken
        return taken
    }

    /// No message more may be begun.
    func stopSending() { unbegun = 0 }

    /// Messages of an open loop are due.
    func becameDue(_ number: Int) { outstanding += number }

    /// Messages have come back.
    @inline(__always)
    func completed(_ number: Int, at now: Int64) {
        messages += number
        outstanding -= number
        failedAtEnd = 0
        lastEcho = now
    }

    /// Whether every message that was begun has come back or is lost, and no other will be begun.
    @inline(__always)
    var isDone: Bool { outstanding == 0 && unbegun == 0 }

    /// An attempt has failed that would have brought a message.
    func attemptFailed() { failedAtEnd += 1 }

    /// A connection has echoed its first message, so long after the beginning of its connect.
    func connectionMade(after nanoseconds: Int64) {
        connectionsMade += 1
        setUp.record(nanoseconds)
    }

    /// A connection of ``LoadMode/churn`` has echoed.
    func connectionMade() { connectionsMade += 1 }

    /// A message is due on a connection that is gone.
    func lost(_ number: Int) {
        lostMessages += number
        outstanding -= number
    }

    /// A connection, or an attempt to make one, failed.
    func failed(_ kind: LoadErrors.Kind, losing number: Int = 0, _ example: @autoclosure () -> String) {
        errors.count(kind, example())
        lost(number)
    }
}
