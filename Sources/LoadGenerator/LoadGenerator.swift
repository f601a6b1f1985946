// The course of a load: sets up, takes the time, ends, and says what came of it. What its connections do meanwhile is
// its workload's business; what they count is in its ledger.
//
//     new --start()--> settingUp --all up or failed--> working --all back--------------------------> finished
//                          |                              |  \--time over, stop()--> ending --^        ^
//                          |                              |                             +-- patience --+
//                          +-------- stop(), or none up --------------------------------------------- -+

public import Reactor

/// A load on an echo server, on an event loop.
///
///     let loop = try EventLoop()
///     let generator = try LoadGenerator(LoadConfiguration(address: address), on: loop)
///     generator.start { result in
///         print(result.messagesPerSecond)
///         loop.stop()
///     }
///     try loop.run()
///
/// Belongs to its loop's thread. The loop may do other things as well, which then count in the latencies.
public final class LoadGenerator {
    private enum Phase { case new, settingUp, working, ending, finished }

    /// What it does.
    public let configuration: LoadConfiguration
    /// The loop that it runs on.
    public let loop: EventLoop
    /// Called once a second from ``start(_:)`` to the end. Default: nobody.
    public var onProgress: ((LoadProgress) -> Void)?
    /// Called when all connections are up and the time begins to be taken. Default: nobody.
    public var onMeasuring: (() -> Void)?

    private let ledger = Ledger()
    private var phase = Phase.new
    private var workload: (any Workload)?
    private var completion: ((LoadResult) -> Void)?
    private var progressTimer: Timer?
    private var endTimer: Timer?
    private var wasStopped = false

    // Moments in nanoseconds of the monotonic clock, and CPU time.
    private var setUpStart: Int64 = 0
    private var start: Int64 = 0
    /// Before this moment the load is not over, even if nothing is on its way.
    private var plannedEnd: Int64 = 0
    private var cpuAtStart: Int64 = 0
    private var lastProgress: Int64 = 0
    private var messagesAtLastProgress = 0

    /// A load that has not begun.
    ///
    /// - Throws: ``LoadConfigurationError`` when the configuration makes no sense.
    public init(_ configuration: LoadConfiguration, on loop: EventLoop) throws(LoadConfigurationError) {
        try configuration.validate(on: loop.kernel)
        self.configuration = configuration
        self.loop = loop
    }

    /// Runs a load on a loop of its own, and waits for it.
    ///
    /// - Throws: ``LoadConfigurationError``, or `SocketError` when no loop can be had.
    public static func run(_ configuration: LoadConfiguration) throws -> LoadResult {
        let loop = try EventLoop(backend: configuration.backend)
        defer { loop.shutdown() }
        let generator = try LoadGenerator(configuration, on: loop)
        var found: LoadResult?
        generator.start { result in
            found = result
            loop.stop()
        }
        try loop.run()
        guard let found else { preconditionFailure("the loop ended before its load") }
        return found
    }

    // MARK: The course

    /// Begins. `completion` is called once, with what was found out; all connections are closed then, or are being closed.
    public func start(_ completion: @escaping (LoadResult) -> Void) {
        precondition(phase == .new, "a load runs once")
        phase = .settingUp
        self.completion = completion
        setUpStart = loop.kernel.now().nanoseconds
        lastProgress = setUpStart
        progressTimer = loop.schedule(after: .seconds(1), repeating: .seconds(1)) { [self] in tellProgress() }
        let workload: any Workload =
            switch configuration.mode {
            case .churn: ChurnWorkload(self, ledger)
            case .datagrams: DatagramWorkload(self, ledger)
            default: EchoWorkload(self, ledger)
            }
        self.workload = workload
        // In the next turn: nothing is called from inside here.
        loop.execute { [self] in if phase == .settingUp { workload.setUp() } }
    }

    /// Ends early: nothing more is sent, and what is on its way is waited for. Called again, it ends at once.
    public func stop() {
        wasStopped = true
        switch phase {
        case .new, .finished: return
        case .settingUp:
            start = loop.kernel.now().nanoseconds
            plannedEnd = start
            cpuAtStart = ProcessTime.now()
            finish()
        case .working:
            plannedEnd = loop.kernel.now().nanoseconds
            endSending()
        case .ending: finish()
        }
    }

    /// All connections are up, or have failed.
    func setUpDone() {
        guard phase == .settingUp, let workload else { return }
        phase = .working
        cpuAtStart = ProcessTime.now()
        start = loop.kernel.now().nanoseconds
        plannedEnd = start
        lastProgress = start
        if workload.connectionCount == 0 && configuration.mode != .churn { return finish() }
        onMeasuring?()
        workload.begin(at: start)
        guard phase == .working else { return }
        if let end = workload.scheduledEnd {
            // The schedule ends the sending; what is not back some time after that is late.
            guard end < .max else { return }
            plannedEnd = end
            // The last interval of a low rate may be longer than the load is to be.
            if configuration.messages == nil, let duration = configuration.duration {
                plannedEnd = min(end, start.advanced(by: duration))
            }
            endTimer = schedule(at: plannedEnd.advanced(by: configuration.patience)) { [self] in finish() }
        } else if configuration.messages == nil, let duration = configuration.duration {
            plannedEnd = start.advanced(by: duration)
            endTimer = schedule(at: plannedEnd) { [self] in endSending() }
        } else if configuration.messages != nil {
            watchForSilence()
        }
    }

    /// Sets a timer for a moment of the kernel's clock. A delay counts from the beginning of the turn, which may be long
    /// ago.
    private func schedule(at time: Int64, _ action: @escaping () -> Void) -> Timer {
        loop.schedule(after: loop.now.duration(to: MonotonicTime(nanoseconds: time)), action)
    }

    /// An exact number of messages has no time to be over at: it ends when nothing has come back for too long.
    private func watchForSilence() {
        let before = ledger.messages
        endTimer = loop.schedule(after: configuration.patience) { [self] in
            if ledger.messages == before { finish() } else { watchForSilence() }
        }
    }

    private func endSending() {
        guard phase == .working else { return }
        phase = .ending
        if let endTimer { loop.cancel(endTimer) }
        endTimer = nil
        if configuration.mode == .idle { return finish() }
        workload?.stopSending(at: loop.kernel.now().nanoseconds)
        guard phase == .ending else { return }
        endTimer = loop.schedule(after: configuration.patience) { [self] in finish() }
    }

    /// Everything is back, or no connection is left.
    func workDone() {
        guard phase == .working || phase == .ending else { return }
        // An open loop is over when its last interval is, even if the last echo came before that.
        let left = plannedEnd - loop.kernel.now().nanoseconds
        let connections = workload?.connectionCount ?? 0
        guard left > 0, phase == .working, connections > 0 else { return finish() }
        phase = .ending
        if let endTimer { loop.cancel(endTimer) }
        endTimer = schedule(at: plannedEnd) { [self] in finish() }
    }

    private func finish() {
        guard phase != .finished, let workload else { return }
        phase = .finished
        for timer in [progressTimer, endTimer] { if let timer { loop.cancel(timer) } }
        let cpu = ProcessTime.now() - cpuAtStart
        let left = workload.connectionCount
        workload.finish()
        self.workload = nil
        let end = max(ledger.lastEcho, min(plannedEnd, loop.kernel.now().nanoseconds))
        let completion = completion.take()
        completion?(result(elapsed: max(0, end - start), cpu: cpu, connectionsLeft: left))
    }

    // MARK: What came of it

    private func result(elapsed: Int64, cpu: Int64, connectionsLeft: Int) -> LoadResult {
        LoadResult(
            configuration: configuration, messages: ledger.messages, bytes: ledger.messages * configuration.size,
            unanswered: ledger.lostMessages, elapsed: .nanoseconds(elapsed), latency: ledger.latency.summary,
            uncorrected: ledger.uncorrected.summary, setUp: ledger.setUp.summary,
            setUpTime: .nanoseconds(start - setUpStart), connectionsMade: ledger.connectionsMade,
            connectionsLeft: connectionsLeft, failedAtEnd: ledger.failedAtEnd,
            wasSilentAtEnd: ledger.lastEcho < plannedEnd || configuration.messages.map { ledger.messages < $0 } == true,
            errors: ledger.errors, cpuTime: .nanoseconds(cpu), wasStopped: wasStopped)
    }

    private func tellProgress() {
        guard phase != .finished, let onProgress, let workload else { return }
        let now = loop.kernel.now().nanoseconds
        let isSettingUp = phase == .settingUp
        let seconds = Double(max(1, now - lastProgress)) / 1e9
        let messages = ledger.messages
        onProgress(
            LoadProgress(
                isSettingUp: isSettingUp, elapsed: .nanoseconds(now - (isSettingUp ? setUpStart : start)),
                connections: workload.progressCount, messages: messages,
                messagesPerSecond: Double(messages - messagesAtLastProgress) / seconds, errors: ledger.errors.total))
        lastProgress = now
        messagesAtLastProgress = messages
    }
}
