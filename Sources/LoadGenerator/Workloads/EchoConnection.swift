// A connection of the echo and idle modes: the hot path of a load. A message costs one clock reading, one comparison,
// one histogram record and one write, and allocates nothing.
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
    /// The send time of the message in flight, at depth 1, where a ring would be needless overhead.
    private var sentNanoseconds: Int64 = 0
    /// The send times of the messages in flight, at any other depth.
    private var sendTimes: SendTimes
    private(set) var life = Life.settingUp

    // The open loop. This connection's messages are numbered; those below `due` should have been sent.
    private var ordinal = 0
    private var due = 0
    private var echoed = 0

    private let connectStartNanoseconds: Int64

    init(_ workload: EchoWorkload, number: Int, connectStartNanoseconds: Int64) {
        self.workload = workload
        self.connectStartNanoseconds = connectStartNanoseconds
        stream = EchoStream(workload.pattern, size: workload.size, number: number)
        sendTimes = SendTimes(depth: workload.depth)
    }

    // MARK: Called by the workload

    /// Starts measuring in a closed loop: sends as many messages as may be in flight.
    func beginClosedLoop(at now: Int64) {
        if life == .up { send(workload.ledger.take(workload.depth), at: now) }
    }

    /// Starts measuring in an open loop, with this connection's place in the rotation.
    func beginOpenLoop(ordinal: Int) { self.ordinal = ordinal }

    /// Sends a message that has become due, or queues it behind those in flight.
    func messageIsDue(at now: Int64) {
        guard life == .up else { return workload.ledger.lost(1) }
        due += 1
        if stream.inFlight < workload.depth { send(1, at: now) }
    }

    /// Ends the connection; echoes still due count as late.
    func finish() {
        let owed = owed
        if owed > 0 {
            workload.ledger.attemptFailed()
            fail(.timeout, "\(workload.address): echoes still due at the end: \(owed)")
        }
        connection?.close()
    }

    // MARK: Messages

    func connected(_ connection: Connection) {
        if workload.isFinished { return connection.close() }
        self.connection = connection
        connection.expectMessage(within: workload.connectTimeout)
        send(1, at: connectStartNanoseconds)
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
            send(min(due - echoed, workload.depth) - stream.inFlight, at: now)
        } else {
            for _ in 0..<completed { ledger.latency.record(now - takeSendTime()) }
            send(ledger.take(completed), at: now)
        }
        if ledger.isDone { workload.nothingOutstanding() }
    }

    private func recordOpenLoop(_ completed: Int, _ schedule: SendSchedule, at now: Int64) {
        for _ in 0..<completed {
            workload.ledger.latency.record(now - schedule.dueNanoseconds(ofMessage: echoed, onConnection: ordinal))
            workload.ledger.uncorrected.record(now - takeSendTime())
            echoed += 1
        }
    }

    @inline(__always)
    private func send(_ messages: Int, at now: Int64) {
        guard messages > 0, let connection else { return }
        if workload.depth == 1 {
            sentNanoseconds = now
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
    private func takeSendTime() -> Int64 { workload.depth == 1 ? sentNanoseconds : sendTimes.take() }

    private func firstEcho(at now: Int64, on connection: Connection) {
        connection.messageArrived()
        life = .up
        _ = takeSendTime()
        workload.ledger.connectionMade(after: now - connectStartNanoseconds)
        workload.setUpEnded(of: self)
    }

    // MARK: The end

    private func mismatched(on connection: Connection) {
        fail(.mismatch, "\(connection.peer) sent back wrong bytes")
        connection.abort()
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        if life != .gone && !workload.isFinished { fail(LoadErrors.Kind(reason), "\(connection.peer): \(reason)") }
        self.connection = nil
    }

    /// Records the failure once, together with the messages lost.
    private func fail(_ kind: LoadErrors.Kind, _ example: @autoclosure () -> String) {
        let before = life
        let losing = owed
        life = .gone
        workload.ledger.failed(kind, losing: losing, example())
        if !workload.isFinished { workload.isGone(self, before: before) }
    }

    /// The number of counted messages that were sent or due and did not come back.
    private var owed: Int {
        if life != .up { return 0 }
        return workload.schedule == nil ? stream.inFlight : due - echoed
    }
}
