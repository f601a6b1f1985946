// One connection of the modes echo and idle: the hot path of a load. A message costs one clock reading, one comparison,
// one record in a histogram and one write; nothing is allocated for it.
//
//     settingUp --first message echoed--> up --closed, or a wrong byte--> gone
//         +----------------- closed, or a wrong byte --------------------> gone

internal import Reactor

/// A connection that sends messages and checks their echoes.
final class EchoConnection: ConnectionHandler {
    enum Life: UInt8 { case settingUp, up, gone }

    private let workload: EchoWorkload
    private var connection: Connection?
    private var stream: EchoStream
    /// When the message in flight was sent, at depth 1; the usual case is spared what a ring costs.
    private var sentAt: Int64 = 0
    /// When the messages in flight were sent, at any other depth.
    private var sendTimes: SendTimes
    private(set) var life = Life.settingUp

    // An open loop. The messages of this connection are numbered; those below `due` should have been sent.
    private var ordinal = 0
    private var due = 0
    private var answered = 0

    private let dialled: Int64

    init(_ workload: EchoWorkload, number: Int, dialled: Int64) {
        self.workload = workload
        self.dialled = dialled
        stream = EchoStream(workload.pattern, size: workload.size, number: number)
        sendTimes = SendTimes(depth: workload.depth)
    }

    // MARK: What the workload says

    /// The time is taken from now on: sends as many messages as may be in flight.
    func beginClosedLoop(at now: Int64) {
        if life == .up { send(workload.ledger.take(workload.depth), at: now) }
    }

    /// The time is taken from now on, and messages will become due: this connection is one of so many in turn.
    func beginOpenLoop(ordinal: Int) { self.ordinal = ordinal }

    /// A message should be sent now.
    func messageIsDue(at now: Int64) {
        guard life == .up else { return workload.ledger.lost(1) }
        due += 1
        if stream.inFlight < workload.depth { send(1, at: now) }
    }

    /// The end: what is still owed counts as late.
    func finish() {
        let owed = owed
        if owed > 0 {
            workload.ledger.attemptFailed()
            fail(.timeout, "\(workload.address) owed \(owed) messages at the end")
        }
        connection?.close()
    }

    // MARK: Messages

    func connected(_ connection: Connection) {
        if workload.isFinished { return connection.close() }
        self.connection = connection
        connection.expectMessage(within: workload.connectTimeout)
        send(1, at: dialled)
    }

    func received(_ bytes: RawSpan, on connection: Connection) {
        let now = workload.kernel.now().nanoseconds
        guard workload.pattern.matches(bytes, at: stream.receivePosition),
            let completed = stream.receive(bytes.byteCount)
        else { return mismatched(on: connection) }
        if completed == 0 { return }
        guard life == .up else { return firstEcho(at: now, on: connection) }
        let ledger = workload.ledger
        ledger.completed(completed, at: now)
        if let schedule = workload.schedule {
            recordOpenLoop(completed, schedule, at: now)
            send(min(due - answered, workload.depth) - stream.inFlight, at: now)
        } else {
            for _ in 0..<completed { ledger.latency.record(now - takeSendTime()) }
            send(ledger.take(completed), at: now)
        }
        if ledger.isDone { workload.nothingOutstanding() }
    }

    private func recordOpenLoop(_ completed: Int, _ schedule: SendSchedule, at now: Int64) {
        for _ in 0..<completed {
            workload.ledger.latency.record(now - schedule.time(ofMessage: answered, onConnection: ordinal))
            workload.ledger.uncorrected.record(now - takeSendTime())
            answered += 1
        }
    }

    @inline(__always)
    private func send(_ messages: Int, at now: Int64) {
        guard messages > 0, let connection else { return }
        if workload.depth == 1 {
            sentAt = now
        } else {
            sendTimes.append(now, count: messages, behind: stream.inFlight)
        }
        var left = stream.send(messages)
        while left > 0 {
            let count = min(left, BytePattern.chunk)
            workload.pattern.write(at: stream.takePosition(of: count), count: count, to: connection)
            left -= count
        }
    }

    @inline(__always)
    private func takeSendTime() -> Int64 { workload.depth == 1 ? sentAt : sendTimes.take() }

    private func firstEcho(at now: Int64, on connection: Connection) {
        connection.messageArrived()
        life = .up
        _ = takeSendTime()
        workload.ledger.connectionMade(after: now - dialled)
        workload.setUpEnded(of: self)
    }

    // MARK: The end

    private func mismatched(on connection: Connection) {
        fail(.mismatch, "\(connection.peer) sent back what it had not been sent")
        connection.abort()
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        if life != .gone && !workload.isFinished { fail(LoadErrors.Kind(reason), "\(connection.peer): \(reason)") }
        self.connection = nil
    }

    /// Counts the failure, once, and what is lost with the connection.
    private func fail(_ kind: LoadErrors.Kind, _ example: @autoclosure () -> String) {
        let before = life
        let losing = owed
        life = .gone
        workload.ledger.failed(kind, losing: losing, example())
        if !workload.isFinished { workload.isGone(self, before: before) }
    }

    /// Messages that count, were due or sent, and did not come back.
    private var owed: Int {
        if life != .up { return 0 }
        return workload.schedule == nil ? stream.inFlight : due - answered
    }
}
