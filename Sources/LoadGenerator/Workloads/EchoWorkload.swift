// The echo and idle modes: connections are set up in bounded batches with one message each; in echo mode, messages are
// then exchanged until the ledger reports that all are back.

internal import Reactor

/// Connections that stay open.
final class EchoWorkload: Workload {
    let loop: EventLoop
    let kernel: any SystemCalls
    let ledger: Ledger
    let pattern: BytePattern
    let address: SocketAddress
    let size: Int
    let depth: Int
    let connectTimeout: Duration
    /// Whether the load has ended and nothing counts any more.
    private(set) var isFinished = false

    private let configuration: LoadConfiguration
    /// The generator, which owns this object; `nil` once the work is done.
    private var generator: LoadGenerator?
    private let dialer: Dialer

    /// All connections that are or were up, in the order of the open loop's rotation.
    private var members: [EchoConnection] = []
    private(set) var connectionCount = 0
    private var startedCount = 0
    private var settingUp = 0

    /// The schedule of an open loop that has started.
    private(set) var schedule: SendSchedule?
    /// The number of messages of the open loop that have become due so far.
    private var due = 0
    private var sendTimer: LoopTimer?
    private lazy var sendWhatIsDue: () -> Void = { [unowned self] in sendDue() }

    init(_ generator: LoadGenerator, _ ledger: Ledger) {
        self.generator = generator
        self.ledger = ledger
        configuration = generator.configuration
        loop = generator.loop
        kernel = loop.kernel
        dialer = Dialer(configuration, on: loop)
        pattern = BytePattern(messageSize: configuration.size)
        address = configuration.address
        size = configuration.size
        depth = configuration.depth
        connectTimeout = configuration.connectTimeout
    }

    // MARK: Setting up

    func setUp() {
        while startedCount < configuration.connections && settingUp < configuration.connectingAtOnce {
            dial()
        }
        if settingUp == 0 { generator?.setUpDone() }
    }

    private func dial() {
        let number = startedCount
        startedCount += 1
        settingUp += 1
        let now = kernel.now().nanoseconds
        let error = dialer.dial(
            { [self] _ in EchoConnection(self, number: number, connectStartNanoseconds: now) },
            failed: { [self] error in
                guard !isFinished else { return }
                dialFailed(error)
                setUp()
            })
        if let error { dialFailed(error) }
    }

    private func dialFailed(_ error: SocketError) {
        settingUp -= 1
        ledger.failed(LoadErrors.Kind(connecting: error), error.description)
    }

    /// Counts a connection whose set-up is complete.
    func setUpEnded(of member: EchoConnection) {
        if isFinished { return member.finish() }
        settingUp -= 1
        connectionCount += 1
        members.append(member)
        setUp()
    }

    /// Counts a connection as failed.
    func isGone(_ member: EchoConnection, before: EchoConnection.Life) {
        if before == .up {
            connectionCount -= 1
            nothingOutstandingPerhaps()
        } else {
            settingUp -= 1
            setUp()
        }
    }

    // MARK: Working

    func begin(at now: Int64) {
        if configuration.mode == .idle { return }
        members.removeAll { $0.life == .gone }
        if let rate = configuration.rate {
            beginOpenLoop(rate, at: now)
        } else {
            ledger.allow(configuration.messages ?? .max)
            for member in members { member.beginClosedLoop(at: now) }
        }
    }

    private func beginOpenLoop(_ rate: Double, at now: Int64) {
        let total =
            configuration.messages
            ?? configuration.duration.map { SendSchedule.messages(in: $0, rate: rate) } ?? .max
        let schedule = SendSchedule(startNanoseconds: now, rate: rate, connections: members.count, total: total)
        self.schedule = schedule
        for (ordinal, member) in members.enumerated() { member.beginOpenLoop(ordinal: ordinal) }
        sendDue()
    }

    var scheduledEndNanoseconds: Int64? { schedule?.endNanoseconds }

    /// Sends the messages due by now, and schedules the next call for the message after them.
    private func sendDue() {
        guard let schedule else { return }
        sendTimer = nil
        let now = kernel.now().nanoseconds
        let dueNow = schedule.due(at: now)
        ledger.becameDue(dueNow - due)
        var member = due % members.count
        while due < dueNow {
            members[member].messageIsDue(at: now)
            due += 1
            member = member + 1 == members.count ? 0 : member + 1
        }
        if due < schedule.total {
            // A timer's delay counts from the beginning of the turn.
            sendTimer = loop.schedule(
                after: .nanoseconds(schedule.dueNanoseconds(of: due) - loop.now.nanoseconds), sendWhatIsDue)
        } else {
            nothingOutstandingPerhaps()
        }
    }

    func stopSending(at now: Int64) {
        if let sendTimer { loop.cancel(sendTimer) }
        sendTimer = nil
        ledger.stopSending()
        schedule?.end(after: due)
        nothingOutstandingPerhaps()
    }

    /// Reports that every started message is back.
    func nothingOutstanding() {
        if let schedule, due < schedule.total { return }
        generator?.workDone()
    }

    private func nothingOutstandingPerhaps() {
        // Without connections, the remaining messages cannot be sent.
        if connectionCount == 0 {
            generator?.workDone()
        } else if configuration.mode != .idle && ledger.isDone {
            nothingOutstanding()
        }
    }

    // MARK: The end

    func finish() {
        isFinished = true
        generator = nil
        if let sendTimer { loop.cancel(sendTimer) }
        for member in members { member.finish() }
        members = []
    }
}
