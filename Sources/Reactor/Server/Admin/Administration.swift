// The state of a loop's admin socket: the loops it speaks for, and its own connections, which do not count as the
// server's. The counters of the hot path are unaware of it: its connections' share is subtracted when they are read.

/// The admin socket of a loop, if any, and the hand-over to the loop's successor.
final class Administration: LoopCompanion {
    /// The listener for commands.
    weak var listener: Listener?
    /// The other loops of the servers whose first loop this is; commands apply to them as well.
    var furtherLoops: [LoopHandle] = []

    /// The commands that the program has added, on the first loop.
    var program: AdminExtension?
    /// Called before the reply to one of them is composed.
    var gather: (() -> Void)?

    /// The pending hand-over to a successor.
    var handOver: HandOver?

    override func loopEnds() {
        handOver?.abandon()
        handOver = nil
    }

    // MARK: The admin socket's connections

    private var open: [Connection] = []
    /// The closed connections' share of the loop's counters.
    private var own = LoopStatistics()

    /// The number of connections that are open, or whose `closed` is pending.
    var openCount: Int { own.connectionsOpened - own.connectionsClosed }

    func accepted(_ connection: Connection) {
        own.connectionsAccepted += 1
        own.connectionsOpened += 1
        open.append(connection)
    }

    func closed(_ connection: Connection) {
        own.connectionsClosed += 1
        own.bytesReceived += connection.receivedCount
        own.bytesSent += connection.sentCount
        // The same condition as in EventLoop.connectionFinished().
        if connection.loop.isDraining && !connection.loop.isStopping { own.drainsFinished += 1 }
        open.removeAll { $0 === connection }
    }

    func refused(_ reason: Refusal) {
        own.connectionsRefused += 1
        own.refusals[reason] += 1
    }

    /// Returns the counters without the admin socket's connections and their bytes.
    override func shown(_ counters: LoopStatistics) -> LoopStatistics {
        if own.connectionsOpened == 0 && own.connectionsRefused == 0 { return counters }
        var rest = counters
        rest.connectionsAccepted -= own.connectionsAccepted
        rest.connectionsOpened -= own.connectionsOpened
        rest.connectionsClosed -= own.connectionsClosed
        rest.connectionsRefused -= own.connectionsRefused
        for reason in Refusal.all { rest.refusals[reason] -= own.refusals[reason] }
        rest.drainsFinished -= own.drainsFinished
        rest.bytesReceived -= open.reduce(own.bytesReceived) { $0 + $1.receivedCount }
        rest.bytesSent -= open.reduce(own.bytesSent) { $0 + $1.sentCount }
        return rest
    }

    // MARK: Times

    private var sessions = 0
    private var isMeasuring = false
    private var wasMeasuring = false

    /// Makes a loop measure times while a client is connected to the admin socket.
    func sessionBegan(on loop: EventLoop) {
        sessions += 1
        if isMeasuring { return }
        isMeasuring = true
        wasMeasuring = loop.measuresTimes
        loop.measuresTimes = true
    }

    func sessionEnded(on loop: EventLoop) {
        sessions = max(0, sessions - 1)
        if sessions > 0 { return }
        // In the next turn, so that the current one is measured completely.
        loop.execute { [self, unowned loop] in
            guard sessions == 0, isMeasuring else { return }
            isMeasuring = false
            loop.measuresTimes = wasMeasuring
        }
    }
}

extension EventLoop {
    /// The loop's administration, created on first use.
    var administration: Administration {
        if let administration = companion as? Administration { return administration }
        let made = Administration()
        companion = made
        return made
    }
}
