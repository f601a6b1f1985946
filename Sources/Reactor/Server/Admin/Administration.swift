// What a loop keeps for its admin socket: which loops it speaks for, and its own connections, which are none of the
// server's. Counters of the hot path know nothing of it: what the admin socket's connections added is subtracted when the
// counters are read.

/// The admin socket of a loop, if there is one, and the loop's successor.
final class Administration: LoopCompanion {
    /// Where commands come in.
    weak var listener: Listener?
    /// The further loops of the servers whose first loop this is: commands apply to them as well.
    var furtherLoops: [LoopHandle] = []

    /// The process on its way that is to take over.
    var handOver: HandOver?

    override func loopEnds() {
        handOver?.abandon()
        handOver = nil
    }

    // MARK: Its own connections

    private var open: [Connection] = []
    /// What those that have ended had added to the loop's counters.
    private var own = LoopStatistics()

    /// How many are open, or have an end that has not been reported yet.
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
        // As EventLoop.connectionFinished() counts it.
        if connection.loop.isDraining && !connection.loop.isStopping { own.drainsFinished += 1 }
        open.removeAll { $0 === connection }
    }

    func refused(_ reason: Refusal) {
        own.connectionsRefused += 1
        own.refusals[reason] += 1
    }

    /// Counters without the admin socket's own connections and their bytes.
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

    /// Has a loop measure times while a client is connected to the admin socket.
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
        // In the next turn, so that this one is measured to its end.
        loop.execute { [self, unowned loop] in
            guard sessions == 0, isMeasuring else { return }
            isMeasuring = false
            loop.measuresTimes = wasMeasuring
        }
    }
}

extension EventLoop {
    /// What this loop keeps for administration; made when it is first needed.
    var administration: Administration {
        if let administration = companion as? Administration { return administration }
        let made = Administration()
        companion = made
        return made
    }
}
