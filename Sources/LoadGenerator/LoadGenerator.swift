// The course of a load: set-up, measuring, end, and the result. The workload decides what the connections do meanwhile,
// and the ledger counts it.
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
/// Belongs to its loop's thread. Other work on the loop counts towards the measured latencies.
public final class LoadGenerator {
    private enum Phase { case new, settingUp, working, ending, finished }

    /// The configuration of the load.
    public let configuration: LoadConfiguration
    /// The loop that the load runs on.
    public let loop: EventLoop
    /// Called once per second from ``start(_:)`` to the end. Default: `nil`.
    public var onProgress: ((LoadProgress) -> Void)?
    /// Called when all connections are up and measuring starts. Default: `nil`.
    public var onMeasuring: (() -> Void)?

    private let ledger = Ledger()
    private var phase = Phase.new
    private var workload: (any Workload)?
    private var completion: ((LoadResult) -> Void)?
    private var progressTimer: LoopTimer?
    private var endTimer: LoopTimer?
    private var wasStopped = false

    // Times in nanoseconds of the monotonic clock, and CPU time.
    private var setUpStartNanoseconds: Int64 = 0
    private var startNanoseconds: Int64 = 0
    /// The earliest end of the load, even if nothing is in flight before.
    private var plannedEndNanoseconds: Int64 = 0
    private var cpuAtStartNanoseconds: Int64 = 0
    private var lastProgressNanoseconds: Int64 = 0
    private var messagesAtLastProgress = 0

    /// Creates a load that has not started.
    ///
    /// - Throws: ``LoadConfigurationError`` when the configuration is invalid.
    public init(_ configuration: LoadConfiguration, on loop: EventLoop) throws(LoadConfigurationError) {
        try configuration.validate(on: loop.kernel)
        self.configuration = configuration
        self.loop = loop
    }

    /// Runs a load on a loop of its own, and blocks until it ends.
    ///
    /// - Throws: ``LoadConfigurationError``, or `SocketError` when no loop can be created.
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
        guard let found else { preconditionFailure("the loop ended before its load did") }
        return found
    }

    // MARK: The course

    /// Starts the load.
    ///
    /// - Parameter completion: called once with the result, when all connections are closed or being closed.
    public func start(_ completion: @escaping (LoadResult) -> Void) {
        precondition(phase == .new, "a load runs once")
        phase = .settingUp
        self.completion = completion
        setUpStartNanoseconds = loop.kernel.now().nanoseconds
        lastProgressNanoseconds = setUpStartNanoseconds
        progressTimer = loop.schedule(after: .seconds(1), repeating: .seconds(1)) { [self] in reportProgress() }
        let workload: any Workload =
            switch configuration.mode {
            case .churn: ChurnWorkload(self, ledger)
            case .datagrams: DatagramWorkload(self, ledger)
            default: EchoWorkload(self, ledger)
            }
        self.workload = workload
        // Deferred to the next turn, so that no callback runs inside this call.
        loop.execute { [self] in if phase == .settingUp { workload.setUp() } }
    }

    /// Ends the load early: stops sending and waits for the messages in flight. A second call ends it immediately.
    public func stop() {
        wasStopped = true
        switch phase {
        case .new, .finished: return
        case .settingUp:
            startNanoseconds = loop.kernel.now().nanoseconds
            plannedEndNanoseconds = startNanoseconds
            cpuAtStartNanoseconds = ProcessTime.nanoseconds()
            finish()
        case .working:
            plannedEndNanoseconds = loop.kernel.now().nanoseconds
            endSending()
        case .ending: finish()
        }
    }

    /// Starts measuring: all connections are up or have failed.
    func setUpDone() {
        guard phase == .settingUp, let workload else { return }
        phase = .working
        cpuAtStartNanoseconds = ProcessTime.nanoseconds()
        startNanoseconds = loop.kernel.now().nanoseconds
        plannedEndNanoseconds = startNanoseconds
        lastProgressNanoseconds = startNanoseconds
        if workload.connectionCount == 0 && configuration.mode != .churn { return finish() }
        onMeasuring?()
        workload.begin(at: startNanoseconds)
        guard phase == .working else { return }
        if let end = workload.scheduledEndNanoseconds {
            // The schedule ends the sending; echoes that are not back within `patience` after that are late.
            guard end < .max else { return }
            plannedEndNanoseconds = end
            // The last interval of a low rate may exceed the duration of the load.
            if configuration.messages == nil, let duration = configuration.duration {
                plannedEndNanoseconds = min(end, startNanoseconds.advanced(by: duration))
            }
            endTimer = schedule(at: plannedEndNanoseconds.advanced(by: configuration.patience)) { [self] in finish() }
        } else if configuration.messages == nil, let duration = configuration.duration {
            plannedEndNanoseconds = startNanoseconds.advanced(by: duration)
            endTimer = schedule(at: plannedEndNanoseconds) { [self] in endSending() }
        } else if configuration.messages != nil {
            watchForSilence()
        }
    }

    /// Schedules an action at a time of the kernel's clock. A timer's delay counts from the beginning of the turn,
    /// which may be long past.
    private func schedule(at time: Int64, _ action: @escaping () -> Void) -> LoopTimer {
        loop.schedule(after: loop.now.duration(to: MonotonicTime(nanoseconds: time)), action)
    }

    /// Ends a load with an exact number of messages, which has no deadline, once no echo arrives for `patience`.
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

    /// Ends the load: every message is back, or no connection is left.
    func workDone() {
        guard phase == .working || phase == .ending else { return }
        // An open loop ends with its last interval, even if the last echo arrived earlier.
        let left = plannedEndNanoseconds - loop.kernel.now().nanoseconds
        let connections = workload?.connectionCount ?? 0
        guard left > 0, phase == .working, connections > 0 else { return finish() }
        phase = .ending
        if let endTimer { loop.cancel(endTimer) }
        endTimer = schedule(at: plannedEndNanoseconds) { [self] in finish() }
    }

    private func finish() {
        guard phase != .finished, let workload else { return }
        phase = .finished
        for timer in [progressTimer, endTimer] { if let timer { loop.cancel(timer) } }
        let cpu = ProcessTime.nanoseconds() - cpuAtStartNanoseconds
        let left = workload.connectionCount
        workload.finish()
        self.workload = nil
        let end = max(ledger.lastEchoNanoseconds, min(plannedEndNanoseconds, loop.kernel.now().nanoseconds))
        let completion = completion.take()
        completion?(result(elapsed: max(0, end - startNanoseconds), cpu: cpu, connectionsLeft: left))
    }

    // MARK: The result

    private func result(elapsed: Int64, cpu: Int64, connectionsLeft: Int) -> LoadResult {
        LoadResult(
            configuration: configuration, messages: ledger.messages, bytes: ledger.messages * configuration.size,
            unanswered: ledger.lostMessages, elapsed: .nanoseconds(elapsed), latency: ledger.latency.summary,
            uncorrected: ledger.uncorrected.summary, setUp: ledger.setUp.summary,
            setUpTime: .nanoseconds(startNanoseconds - setUpStartNanoseconds), connectionsMade: ledger.connectionsMade,
            connectionsLeft: connectionsLeft, failedAtEnd: ledger.failedAtEnd,
            wasSilentAtEnd: ledger.lastEchoNanoseconds < plannedEndNanoseconds
                || configuration.messages.map { ledger.messages < $0 } == true,
            errors: ledger.errors, cpuTime: .nanoseconds(cpu), wasStopped: wasStopped)
    }

    private func reportProgress() {
        guard phase != .finished, let onProgress, let workload else { return }
        let now = loop.kernel.now().nanoseconds
        let isSettingUp = phase == .settingUp
        let seconds = Double(max(1, now - lastProgressNanoseconds)) / 1e9
        let messages = ledger.messages
        onProgress(
            LoadProgress(
                isSettingUp: isSettingUp,
                elapsed: .nanoseconds(now - (isSettingUp ? setUpStartNanoseconds : startNanoseconds)),
                connections: workload.progressCount, messages: messages,
                messagesPerSecond: Double(messages - messagesAtLastProgress) / seconds, errors: ledger.errors.total))
        lastProgressNanoseconds = now
        messagesAtLastProgress = messages
    }
}
