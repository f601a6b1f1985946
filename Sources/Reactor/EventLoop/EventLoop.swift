// The reactor: one thread, one selector, and the turn in which everything happens. This file holds what a loop owns and
// its public interface; the turn is in EventLoop+Turn.swift.
//
// The twelve invariants, and the file that keeps each:
//
//   1. Each kind of handler is called in one file: Connection+Delivery, DatagramSocket+Delivery, DescriptorWatch
//      (`ready`, `registrationFailed`, `deliverLost`), SignalWatch (`ready`), EventLoop+Turn (timers, tasks, jobs).
//   2. The registry is the truth; changes are flushed to the selector once, before the wait.       Registry
//   3. An event is delivered only if its generation matches.                                       Registry
//   4. Deregister, close, then `closed`, exactly once.                                             Connection+Closing
//   5. No user code runs inside `write`, `close` or `cancel`.                                      Connection
//   6. Every inner loop has a budget; the rest is redispatched in the next turn.                   EventLoop+Turn
//   7. The wait does not block iff work is queued; otherwise until the next deadline, rounded up.  EventLoop+Turn
//   8. Work added during a turn runs in the next; jobs of tasks, also later in the same.           EventLoop+Turn
//   9. Deadlines are monotonic.                                                                    TimerQueue
//  10. Would-block is not an error; `EINTR` is invisible.                                          SystemResult
//  11. No send delivers `SIGPIPE` (`MSG_NOSIGNAL`; blocked for sendfile(2)).        CReactor, EventLoop+Files
//      Every descriptor is close-on-exec.                                                          CReactor
//  12. Memory per connection is bounded by its limits.                                             Connection+Writing

import SystemPackage

/// An event loop: waits for ready descriptors, due timers and queued tasks, and calls their handlers.
///
/// A loop and everything that belongs to it are confined to one thread, the one that calls ``run()``. It is not
/// `Sendable`, so the compiler enforces this; other threads hold its ``handle``.
///
///     let loop = try EventLoop()
///     loop.schedule(after: .seconds(1)) { print("one second") }
///     try loop.run()
///
/// Every loop must be shut down: ``run()`` ends in ``shutdown()``; a loop that is not run needs an explicit call.
public final class EventLoop {
    /// The system calls that this loop uses.
    package let kernel: any SystemCalls
    /// The same kernel if it is Linux itself, so that the hot path avoids dynamic dispatch.
    let linux: LinuxKernel?
    /// The same kernel if it is a tracing one; every callback is recorded in its trace.
    let trace: TracingKernel?
    /// The back end that reports readiness; ``switch(to:)`` changes it.
    public var backend: Backend { currentBackend }
    /// The loop's `Sendable` handle, for other threads.
    public let handle: LoopHandle
    /// The time at which the current turn began; the clock is read once per turn.
    public var now: MonotonicTime { turnTime }
    /// The loop's counters, excluding the connections of its admin socket.
    public var statistics: LoopStatistics { companion?.shown(counters) ?? counters }
    /// Called on the loop's thread with events that an operator should know about, at most once per second and kind.
    /// Default: `nil`.
    public var onReport: ((LoopReport) -> Void)?
    /// Whether ``LoopStatistics/callbackTimes`` and ``LoopStatistics/lag`` are measured, at a few instructions per
    /// callback; no clock is read for them. Default: `false`. It may be changed at any time.
    public var measuresTimes: Bool {
        get { callbackClock.isMeasuring }
        set {
            callbackClock.adjust(ticks(), now: kernel.now())
            callbackClock.isMeasuring = newValue
        }
    }
    /// The time after which a callback is reported as slow. Default: 25 ms.
    public var slowCallbackThreshold: Duration = .milliseconds(25)

    /// The resolver that looks up names for this loop, on its ``workers``. Default: the system's.
    public var resolver: any NameResolver = SystemResolver()

    // MARK: What the turn works on

    // Internal storage behind the public names: only for properties that no other module can reach does the compiler
    // prove exclusive access statically, instead of checking it for every message. A single key path or subscript call
    // during a change of the counters, anywhere in the module, brings the checks back for all of them.
    var turnTime: MonotonicTime
    var counters = LoopStatistics()

    var selector: any Selector
    var currentBackend: Backend
    let registry = Registry()
    let timers = TimerQueue()
    /// Sources to redispatch in the next turn: those that ran out of budget, or may have missed an edge.
    let readyAgain = WorkList<ReadyEvent>()
    /// Ready listeners, which accept after the existing connections have been served.
    let listenersReady = WorkList<EventSource>()
    /// Sources with unflushed output: written outside the source's own callback, under a rate limit, or as a file.
    ///
    /// When unflushed output leaves: ``performTurn(mayWait:)`` flushes this list first in the next turn, before it
    /// flushes changes of interest and waits. The wait does not block while the list is not empty, so unflushed output
    /// never waits for an event. Output that a handler writes during its own callback does not come here: it is sent
    /// when that callback returns.
    let unflushed = WorkList<EventSource>()
    /// Sources that are closing; their descriptors are closed at the end of the turn.
    let closing = WorkList<EventSource>()
    let tasks = WorkList<() -> Void>()
    /// Blocking work that a worker pool does for this loop.
    let offloaded = OffloadedWorkTable()
    /// The rate meters, by descriptor number, of the connections that have a rate limit.
    var rateMeters: [CInt: (reading: RateMeter?, writing: RateMeter?)] = [:]
    /// The ticks at which meters that wait for tokens resume.
    let rateTicks = RateTicks()
    /// The executor that runs Swift tasks on this loop's thread.
    public let executor: LoopExecutor
    /// The executor that runs actors on this loop's thread.
    public let serialExecutor: LoopSerialExecutor
    /// The server's per-loop state; `nil` when the loop belongs to no server.
    var companion: LoopCompanion?
    /// The tasks that end with a connection.
    let sourceTasks = SourceTasks()
    /// The signals being watched: a second watch of the same signal would steal some of its deliveries.
    var watchedSignals: Set<Signal> = []
    /// Watched regular files, which are always ready.
    var alwaysReady: [EventSource] = []
    var hasAlwaysReady = false
    /// The events that the last wait found.
    let found = ReadyList()
    /// ``SelectorCapabilities/isEdgeTriggered`` of the selector.
    var isEdgeTriggered: Bool
    var isStopping = false
    /// The error that stops the loop, if it is stopping because of one.
    var failure: SocketError?
    /// Whether ``drain(within:)`` was called: the loop stops when its last connection has closed.
    public internal(set) var isDraining = false
    /// The number of things besides connections that a draining loop waits for: accepted sockets that may yet become
    /// connections, and the other loops of its server.
    var awaited = 0
    var isInTurn = false
    /// Whether the loop has been shut down; nothing can be added any more.
    public internal(set) var isShutDown = false

    // MARK: What all connections share

    /// The buffer for every receive, lent to the handler.
    let receiveBuffer: RawBuffer
    /// The buffer that gathers a handler's writes until it returns.
    let gatherBuffer: RawBuffer
    /// The number of bytes in ``gatherBuffer``.
    var gathered = 0
    /// Spare queues for reuse: of partial input, and of output.
    var queues: [ByteQueue] = []
    var outputQueues: [OutputQueue] = []
    /// Whether this thread had `SIGPIPE` blocked before the first file was sent; `nil` before that.
    var brokenPipeWasBlocked: Bool?
    /// A spare descriptor, released when none are left, to accept a connection and refuse it properly.
    var reserve: OwnedDescriptor?
    let forksAtStart: UInt32

    var callbackClock: CallbackClock
    var lastReports = [MonotonicTime?](repeating: nil, count: LoopReport.Kind.count)
    private var wakeUp: WakeUp?

    /// Creates a loop.
    ///
    /// - Parameters:
    ///   - backend: how the loop learns what is ready. Default: epoll, level-triggered.
    ///   - kernel: the system calls it uses. Default: Linux; tests replace it.
    /// - Throws: ``SocketError`` when its descriptors cannot be created.
    public init(backend: Backend = .epoll(), kernel: any Kernel = LinuxKernel.shared) throws(SocketError) {
        let calls = kernel.calls
        self.kernel = calls
        linux = calls as? LinuxKernel
        trace = calls as? TracingKernel
        currentBackend = backend
        selector = try backend.makeSelector(calls)
        isEdgeTriggered = selector.capabilities.isEdgeTriggered
        // Allocated after the last call that may throw: until all properties are set, `deinit` would not free them.
        receiveBuffer = .allocate()
        gatherBuffer = .allocate()
        let event = calls.eventDescriptor()
        handle = LoopHandle(mailbox: Mailbox(notify: calls.notifier(for: event.descriptor)))
        executor = LoopExecutor(mailbox: handle.mailbox)
        serialExecutor = LoopSerialExecutor(executor)
        turnTime = calls.now()
        forksAtStart = calls.forkCount()
        callbackClock = CallbackClock(ticks: calls.ticks(), now: turnTime)
        if let errno = event.errno {
            selector.close()
            isShutDown = true
            throw SocketError(.start, subject: "\(backend)", errno: errno)
        }
        let wakeUp = WakeUp(loop: self, OwnedDescriptor(event.descriptor))
        self.wakeUp = wakeUp
        do throws(SocketError) {
            try checkCapacity(for: event.descriptor)
        } catch {
            shutdown()
            throw error
        }
        register(wakeUp, wanting: .readable)
    }

    deinit {
        receiveBuffer.deallocate()
        gatherBuffer.deallocate()
    }

    /// The capabilities of the current selector.
    public var capabilities: SelectorCapabilities { selector.capabilities }

    /// The number of registered descriptors, the loop's own wake-up included.
    public var registrationCount: Int { registry.count }

    /// The number of connections that are open or whose close has not been reported yet, including those of the admin
    /// socket.
    public var connectionCount: Int { counters.connectionsOpened - counters.connectionsClosed }

    // MARK: Running

    /// Runs until ``stop()``, then shuts the loop down, which closes everything and calls `closed` on all handlers.
    ///
    /// - Throws: ``SocketError`` when the selector fails, which no input can cause; the loop is shut down in that case
    ///   too.
    public func run() throws(SocketError) {
        precondition(!isInTurn, "run() was called from inside the loop")
        precondition(!isShutDown, "a loop runs once")
        defer { shutdown() }
        while !isStopping { try turn() }
        if let failure { throw failure }
    }

    /// Runs one turn: waits for events, if no work is queued and `mayWait` is true, and handles them.
    ///
    /// For callers with an outer loop of their own, and for tests; such a caller calls ``shutdown()`` at the end.
    /// Operations on a connection between turns count its deadlines from the beginning of the last turn.
    /// - Parameter mayWait: whether the turn may sleep until something happens.
    /// - Throws: ``SocketError`` when the selector fails.
    public func turn(mayWait: Bool = true) throws(SocketError) {
        precondition(!isInTurn, "turn() was called from inside the loop")
        precondition(!isShutDown, "the loop has ended")
        isInTurn = true
        executor.turnBegan()
        defer {
            executor.turnEnded()
            isInTurn = false
        }
        try performTurn(mayWait: mayWait)
    }

    /// Ends ``run()`` after the current turn. Call it on the loop's thread; other threads use ``LoopHandle/stop()``.
    public func stop() { isStopping = true }

    /// Closes everything that belongs to the loop and releases its resources.
    ///
    /// Closes every connection, watch and listener and makes the last call of each handler, runs the queued tasks, and
    /// resumes Swift tasks that wait for the loop; their waits throw. Called by ``run()`` at its end; calling it again
    /// does nothing. ``offload(_:then:)`` documents how long it waits for blocking work.
    public func shutdown() {
        precondition(!isInTurn, "shutdown() was called from inside the loop; call stop()")
        if isShutDown { return }
        isShutDown = true
        isInTurn = true
        executor.turnBegan()
        companion?.loopEnds()
        for task in handle.mailbox.close() { tasks.append { task(self) } }
        runTasks(budget: .max)
        offloaded.end(kernel)
        for source in registry.all() where source !== wakeUp { source.loopEnded() }
        // Callbacks may close other sources, but nothing new is accepted, so this terminates.
        while !closing.isEmpty { closing.drain { $0.finishClosing() } }
        runLastJobs()
        unflushed.removeAll()
        if let wakeUp {
            if wakeUp.isRegistered { registry.remove(wakeUp, from: selector, closesAlone: true) }
            wakeUp.close()
        }
        wakeUp = nil
        reserve.take()?.close(kernel)
        unblockBrokenPipe()
        registry.releaseRetired()
        timers.removeAll()
        rateTicks.removeAll()
        readyAgain.removeAll()
        let ended = alwaysReady
        alwaysReady = []
        tasks.removeAll()
        selector.close()
        executor.turnEnded()
        executor.close()
        isInTurn = false
        withExtendedLifetime(ended) {}
    }

    // MARK: Tasks and timers

    /// Runs `task` on this loop in the next turn. Other threads use ``LoopHandle/execute(_:)``.
    ///
    /// - Returns: `false` when the loop has ended: the task is dropped.
    @discardableResult
    public func execute(_ task: @escaping () -> Void) -> Bool {
        if isShutDown { return false }
        tasks.append(task)
        return true
    }

    /// Schedules `action` to run after a delay, once or repeatedly.
    ///
    /// - Parameters:
    ///   - delay: counted from the beginning of this turn; rounded up to nanoseconds, never early. A delay of 292 years
    ///     or more never fires.
    ///   - period: the interval between firings, counted from the first deadline, so that it does not drift; a firing
    ///     that the loop was too late for is skipped. Zero or less counts as 1 ms; `nil` fires once.
    ///   - action: called on the loop's thread.
    /// - Returns: A handle with which to cancel the timer.
    @discardableResult
    public func schedule(after delay: Duration, repeating period: Duration? = nil, _ action: @escaping () -> Void)
        -> LoopTimer
    {
        // Outside a turn, `now` may be stale.
        let start = isInTurn ? turnTime : kernel.now()
        let nanoseconds = max(0, delay.wholeNanoseconds)
        let every = period.map { $0 > .zero ? $0.wholeNanoseconds : 1_000_000 } ?? 0
        return timers.schedule(at: start + nanoseconds, every: every, .call(action))
    }

    /// Cancels a timer, in O(1) amortized.
    ///
    /// - Returns: `false` when the timer had fired or was cancelled before.
    @discardableResult
    public func cancel(_ timer: LoopTimer) -> Bool {
        let action = timers.cancel(timer)
        return action != nil
    }

    /// The number of pending timers, the connections' deadlines included.
    public var timerCount: Int { timers.count }
}
