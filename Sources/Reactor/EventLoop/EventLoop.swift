// The reactor: one thread, one selector, and the turn that everything happens in. The turn itself is in
// EventLoop+Turn.swift; here is what a loop owns and what can be asked of it.
//
// The twelve invariants, and where each is kept:
//
//   1. Handlers are called in one place a kind: Connection+Delivery, DatagramSocket+Delivery, DescriptorWatch.ready,
//      EventLoop+Turn (timers, tasks).
//   2. The registry is the truth; changes are flushed once, before the wait.                        Registry
//   3. An event is delivered only if its generation matches.                                        Registry
//   4. Deregister, close, then `closed` exactly once.                                               Connection+Closing
//   5. No user code inside `write`, `close`, `cancel`.                                              Connection
//   6. Every inner loop has a budget; leftovers are ready again.                                    EventLoop+Turn
//   7. The wait does not block iff work is queued; otherwise until the next deadline, rounded up.   EventLoop+Turn
//   8. What is added during a turn runs in the next.                                                EventLoop+Turn
//   9. Deadlines are monotonic.                                                                     TimerQueue
//  10. Would-block is no error; `EINTR` is invisible.                                               SystemResult
//  11. Every send is `MSG_NOSIGNAL`, every descriptor close-on-exec.                                CReactor
//  12. Memory a connection is bounded by its limits.                                                Connection+Writing

import SystemPackage

/// An event loop: it waits until descriptors are ready, timers are due or tasks are given, and calls those concerned.
///
/// A loop, and everything that belongs to it, is used on one thread, the one that calls ``run()``. It is not `Sendable`,
/// so that the compiler sees to that; other threads hold its ``handle``.
///
///     let loop = try EventLoop()
///     loop.schedule(after: .seconds(1)) { print("one second") }
///     try loop.run()
///
/// A loop that was made is either run, which ends in ``shutdown()``, or shut down.
public final class EventLoop {
    /// The system that this loop runs on.
    package let kernel: any SystemCalls
    /// The same, if it is Linux itself: the calls of the hot path need no dynamic dispatch then.
    let linux: LinuxKernel?
    /// The same, if it writes down what happens: callbacks are told to it.
    let trace: TracingKernel?
    /// The way in which it finds out what is ready; ``switch(to:)`` changes it.
    public var backend: Backend { currentBackend }
    /// What other threads hold of this loop.
    public let handle: LoopHandle
    /// The moment at which the current turn began: the clock is read once a turn.
    public var now: MonotonicTime { turnTime }
    /// What the loop has counted, without the connections of its admin socket.
    public var statistics: LoopStatistics { companion?.shown(counters) ?? counters }
    /// Called with what the operator should know, at most once a second a kind; on the loop's thread. Default: nobody.
    public var onReport: ((LoopReport) -> Void)?
    /// Whether ``LoopStatistics/callbackTimes`` and ``LoopStatistics/lag`` are measured, at a few instructions a callback; no
    /// clock is read for them. Default: no. It may be changed at any time.
    public var measuresTimes: Bool {
        get { callbackClock.isMeasuring }
        set {
            callbackClock.adjust(ticks(), now: kernel.now())
            callbackClock.isMeasuring = newValue
        }
    }
    /// How long a callback may take before it is reported. Default: 25 ms.
    public var slowCallbackThreshold: Duration = .milliseconds(25)

    /// Who looks up names for this loop, on its ``workers``. Default: the system.
    public var resolver: any NameResolver = SystemResolver()

    // MARK: What the turn works on

    // Internal storage behind the public names: only for properties that no other module can reach does the compiler
    // prove exclusive access once, instead of having it checked at every message. A single call of a key path or a
    // subscript in the middle of a change of the counters, anywhere in the module, brings the checks back for all of them.
    var turnTime: MonotonicTime
    var counters = LoopStatistics()

    var selector: any Selector
    var currentBackend: Backend
    let registry = Registry()
    let timers = TimerQueue()
    /// What ran out of budget, or may have become ready unnoticed, and is looked at in the next turn.
    let readyAgain = WorkList<ReadyEvent>()
    /// Listeners with newcomers, who come after those that are here.
    let listenersReady = WorkList<EventSource>()
    /// Sources that were written to by others than themselves.
    let unflushed = WorkList<EventSource>()
    /// Sources whose end has begun.
    let closing = WorkList<EventSource>()
    let tasks = WorkList<() -> Void>()
    /// Blocking work that others do for this loop.
    let offloaded = OffloadedWorkTable()
    /// The limits of rates, by descriptor, of those that have some.
    var rateMeters: [CInt: (reading: RateMeter?, writing: RateMeter?)] = [:]
    /// When those who wait for tokens are looked at.
    let rateTicks = RateTicks()
    /// Runs Swift's tasks on this loop's thread.
    public let executor: LoopExecutor
    /// Runs actors on this loop's thread.
    public let serialExecutor: LoopSerialExecutor
    /// What a server keeps with the loop; `nil` until it does.
    var companion: LoopCompanion?
    /// Signals that have a watch: a second one would take some of the first one's.
    var watchedSignals: Set<Signal> = []
    /// Regular files.
    var alwaysReady: [EventSource] = []
    var hasAlwaysReady = false
    /// What the last wait found.
    let found = ReadyList()
    /// ``SelectorCapabilities/isEdgeTriggered`` of the selector.
    var isEdgeTriggered: Bool
    var isStopping = false
    /// Why the loop cannot go on, if that is why it stops.
    var failure: SocketError?
    /// Whether ``drain(within:)`` was called: the loop stops when its last connection has ended.
    public internal(set) var isDraining = false
    /// What a draining loop waits for besides its connections: accepted sockets that may become ones, and the other loops
    /// of its server.
    var awaited = 0
    var isInTurn = false
    /// Nothing can be added any more.
    public internal(set) var isShutDown = false

    // MARK: What all connections share

    /// Where every receive goes, before the handler has seen it.
    let receiveBuffer: RawBuffer
    /// Where a handler's writes are gathered, until it returns.
    let gatherBuffer: RawBuffer
    /// How much of it is filled.
    var gathered = 0
    /// Queues that wait to be used again: of input in pieces, and of output.
    var queues: [ByteQueue] = []
    var outputQueues: [OutputQueue] = []
    /// Whether this thread blocked `SIGPIPE` before the first file was sent; `nil` when none was.
    var brokenPipeWasBlocked: Bool?
    /// A descriptor that stands for nothing, spent when there are no others, to accept and refuse politely.
    var reserve: OwnedDescriptor?
    let forksAtStart: UInt32

    var callbackClock: CallbackClock
    var lastReports = [MonotonicTime?](repeating: nil, count: LoopReport.Kind.count)
    private var wakeUp: WakeUp?

    /// Makes a loop.
    ///
    /// - Parameters:
    ///   - backend: how it finds out what is ready; epoll, level-triggered, unless said otherwise.
    ///   - kernel: the system it runs on; Linux, unless a test says otherwise.
    /// - Throws: ``SocketError`` when its descriptors cannot be had.
    public init(backend: Backend = .epoll(), kernel: any Kernel = LinuxKernel.shared) throws(SocketError) {
        let calls = kernel.calls
        self.kernel = calls
        linux = calls as? LinuxKernel
        trace = calls as? TracingKernel
        currentBackend = backend
        selector = try backend.makeSelector(calls)
        isEdgeTriggered = selector.capabilities.isEdgeTriggered
        // Behind the last call that may throw while there is no deinit yet to give them back.
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

    /// The abilities of the selector that the loop has now.
    public var capabilities: SelectorCapabilities { selector.capabilities }

    /// How many descriptors are registered, the loop's own wake-up included.
    public var registrationCount: Int { registry.count }

    /// Connections that are open, or whose end has not been reported yet; those of the admin socket included.
    public var connectionCount: Int { counters.connectionsOpened - counters.connectionsClosed }

    // MARK: Running

    /// Runs until ``stop()``, then shuts the loop down: everything is closed, and told so.
    ///
    /// - Throws: ``SocketError`` when the selector fails, which no input can bring about; the loop is shut down then too.
    public func run() throws(SocketError) {
        precondition(!isInTurn, "run() was called from inside the loop")
        precondition(!isShutDown, "a loop runs once")
        defer { shutdown() }
        while !isStopping { try turn() }
        if let failure { throw failure }
    }

    /// Runs one turn: waits for events, if nothing is left to do and `mayWait`, and handles what there is.
    ///
    /// For those who bring their own outer loop, and for tests. Who uses it calls ``shutdown()`` at the end. What a
    /// connection is asked between turns counts its deadlines from the beginning of the last one.
    /// - Parameter mayWait: whether the turn may sleep until something happens.
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

    /// Ends ``run()`` at the end of this turn. On the loop's thread; others use ``LoopHandle/stop()``.
    public func stop() { isStopping = true }

    /// Closes everything that belongs to the loop, tells all handlers, runs the tasks that were given, lets Swift's tasks
    /// that wait for the loop go on with an error, and gives back what the loop holds. Called by ``run()`` at its end; calling
    /// it again does nothing. How long it waits for blocking work, ``offload(_:then:)`` says.
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
        // Callbacks may end others, but nothing new is taken, so this comes to an end.
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

    /// Runs `task` in the next turn, on this loop. Other threads use ``LoopHandle/execute(_:)``.
    ///
    /// - Returns: `false` when the loop has ended: the task was not taken and will not run.
    @discardableResult
    public func execute(_ task: @escaping () -> Void) -> Bool {
        if isShutDown { return false }
        tasks.append(task)
        return true
    }

    /// Runs `action` after a time, and then again and again when it repeats.
    ///
    /// - Parameters:
    ///   - delay: from the beginning of this turn; rounded up to nanoseconds, never early. 292 years never come.
    ///   - period: the time between firings, counted from the first deadline, so that it does not drift; a firing that
    ///     the loop was too late for is left out. Nothing and less count as a millisecond; `nil` fires once.
    ///   - action: called on the loop's thread.
    /// - Returns: A handle to cancel it with.
    @discardableResult
    public func schedule(after delay: Duration, repeating period: Duration? = nil, _ action: @escaping () -> Void)
        -> Timer
    {
        // Outside a turn, `now` may be long ago.
        let start = isInTurn ? turnTime : kernel.now()
        let nanoseconds = max(0, delay.wholeNanoseconds)
        let every = period.map { $0 > .zero ? $0.wholeNanoseconds : 1_000_000 } ?? 0
        return timers.schedule(at: start + nanoseconds, every: every, .call(action))
    }

    /// Cancels a timer, in O(1). `false` when it had fired, or was cancelled before.
    @discardableResult
    public func cancel(_ timer: Timer) -> Bool {
        let action = timers.cancel(timer)
        return action != nil
    }

    /// How many timers wait, the connections' deadlines included.
    public var timerCount: Int { timers.count }
}
