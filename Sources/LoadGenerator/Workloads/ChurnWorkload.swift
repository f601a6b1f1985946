// The churn mode: a number of slots, each of which repeatedly connects, exchanges one message and closes.
//
//     slot:  dialling --connected, message sent--> waiting --echoed, closed--> dialling ...
//               |                                     |
//               +-------------- failed ---------------+--> pausing (10 ms) --> dialling ...

internal import Reactor

/// Connections that live for one message.
final class ChurnWorkload: Workload {
    /// How long a slot pauses after a failure, so that it does not hammer a server that is gone.
    private static let pause = Duration.milliseconds(10)

    let ledger: Ledger
    let kernel: any SystemCalls
    let pattern: BytePattern
    let size: Int
    let connectTimeout: Duration
    private(set) var isFinished = false
    /// Always 0: no connection is set up before measuring starts, and none is left at the end.
    let connectionCount = 0

    private let configuration: LoadConfiguration
    private let loop: EventLoop
    /// The generator, which owns this object; `nil` once the work is done.
    private var generator: LoadGenerator?
    private let dialer: Dialer
    private var startedCount = 0

    init(_ generator: LoadGenerator, _ ledger: Ledger) {
        self.generator = generator
        self.ledger = ledger
        configuration = generator.configuration
        loop = generator.loop
        kernel = loop.kernel
        dialer = Dialer(configuration, on: loop)
        pattern = BytePattern(messageSize: configuration.size)
        size = configuration.size
        connectTimeout = configuration.connectTimeout
    }

    var progressCount: Int { ledger.connectionsMade }

    func setUp() { generator?.setUpDone() }

    func begin(at now: Int64) {
        ledger.allow(configuration.messages ?? .max)
        for _ in 0..<configuration.connections { dial() }
    }

    func stopSending(at now: Int64) {
        ledger.stopSending()
        if ledger.isDone { generator?.workDone() }
    }

    func finish() {
        // The callbacks of pending attempts are ignored once the work is finished, so those are counted here.
        if ledger.outstanding > 0 && !isFinished {
            for _ in 0..<ledger.outstanding {
                ledger.failed(.timeout, losing: 1, "\(configuration.address): echo still due at the end")
            }
        }
        isFinished = true
        generator = nil
    }

    // MARK: Slots

    private func dial() {
        guard !isFinished, ledger.take(1) == 1 else { return }
        let number = startedCount
        startedCount += 1
        let now = kernel.now().nanoseconds
        let error = dialer.dial(
            { [self] _ in ChurnConnection(self, number: number, connectStartNanoseconds: now) },
            failed: { [self] error in failed(LoadErrors.Kind(connecting: error), error.description) })
        if let error { failed(LoadErrors.Kind(connecting: error), error.description) }
    }

    /// Continues a slot whose connection is done.
    func echoed(at now: Int64, connectStartNanoseconds: Int64) {
        if isFinished { return }
        ledger.latency.record(now - connectStartNanoseconds)
        ledger.connectionMade()
        ledger.completed(1, at: now)
        next()
    }

    /// Continues a slot, after a pause, whose connection or connect failed.
    func failed(_ kind: LoadErrors.Kind, _ example: String) {
        if isFinished { return }
        ledger.failed(kind, losing: 1, example)
        ledger.attemptFailed()
        if ledger.isDone { return next() }
        loop.schedule(after: Self.pause) { [self] in dial() }
    }

    private func next() {
        dial()
        if ledger.isDone { generator?.workDone() }
    }
}

/// A connection that sends one message, checks its echo and closes.
final class ChurnConnection: ConnectionHandler {
    private let workload: ChurnWorkload
    private let connectStartNanoseconds: Int64
    private var stream: EchoStream
    private var isDone = false

    init(_ workload: ChurnWorkload, number: Int, connectStartNanoseconds: Int64) {
        self.workload = workload
        self.connectStartNanoseconds = connectStartNanoseconds
        stream = EchoStream(workload.pattern, size: workload.size, number: number)
    }

    func connected(_ connection: Connection) {
        connection.expectMessage(within: workload.connectTimeout)
        var left = stream.send(1)
        while left > 0 {
            let count = min(left, BytePattern.chunk)
            workload.pattern.write(at: stream.takePosition(of: count), count: count, to: connection)
            left -= count
        }
    }

    func received(_ bytes: RawSpan, on connection: Connection) {
        guard !isDone else { return }
        guard workload.pattern.matches(bytes, at: stream.receivePosition),
            let completed = stream.receive(bytes.byteCount)
        else {
            isDone = true
            workload.failed(.mismatch, "\(connection.peer) sent back wrong bytes")
            return connection.abort()
        }
        guard completed > 0 else { return }
        isDone = true
        connection.close()
        workload.echoed(at: workload.kernel.now().nanoseconds, connectStartNanoseconds: connectStartNanoseconds)
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        if isDone { return }
        isDone = true
        workload.failed(LoadErrors.Kind(reason), "\(connection.peer): \(reason)")
    }
}
