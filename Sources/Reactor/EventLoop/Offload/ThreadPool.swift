// A bounded pool of threads for blocking work. A thread is started when work arrives and none is idle, up to a maximum;
// it then sleeps while the queue is empty. Beyond the queue's limit work is refused at once: an unbounded queue only
// hides that the threads are too slow, and delays every result.

/// A pool of threads that do blocking work for event loops.
///
///     let pool = ThreadPool(threads: 8)
///     defer { pool.shutdown() }
///     loop.workers = pool
///
/// Thread-safe. The creator of a pool shuts it down; a loop shuts down the pool that it created for itself.
public final class ThreadPool: WorkScheduler {
    private struct State: Sendable {
        var waiting: [OffloadedWork] = []
        var threads: [Worker] = []
        /// The numbers of the threads that are running work; the others wait for it, or have just been started.
        var busy: Set<Int> = []
        var hasEnded = false
    }

    // Safe to share: `thread` is set with the pool's lock held, and taken by `shutdown` alone, after all were set.
    private final class Worker: @unchecked Sendable {
        var thread: SystemThread?

        init(_ thread: consuming SystemThread) { self.thread = consume thread }
    }

    /// The maximum number of threads.
    public let maximumThreads: Int
    /// The maximum number of pieces of work that wait.
    public let queueLimit: Int
    private let state = Monitor(State())

    /// Creates a pool, which has no thread until work arrives.
    ///
    /// - Parameters:
    ///   - threads: the maximum number of threads, 1 to 1,024. Default: one per processor, at most 4.
    ///   - queueLimit: the number of pieces of work that may wait while all threads are busy, 1 to 1,048,576. Default:
    ///     256.
    public init(threads: Int? = nil, queueLimit: Int = 256) {
        maximumThreads = min(max(1, threads ?? min(4, SystemThread.processorCount)), 1024)
        self.queueLimit = min(max(1, queueLimit), 1 << 20)
    }

    deinit {
        let isLeft = state.withLock { !$0.threads.isEmpty }
        precondition(!isLeft, "a ThreadPool was released without being shut down")
    }

    /// The number of threads.
    public var threadCount: Int { state.withLock { $0.threads.count } }

    /// The number of pieces of work that wait for a thread.
    public var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Takes a piece of work, or refuses it at once.
    ///
    /// - Throws: ``OffloadError`` when the queue is full, no thread could be started, or the pool has been shut down.
    package func submit(_ work: OffloadedWork) throws(OffloadError) {
        let refusal: OffloadError? = state.withLock { state in
            if state.hasEnded { return .poolEnded }
            // Work that free threads will take at once does not count as waiting.
            let free = maximumThreads - state.busy.count
            if state.waiting.count - free >= queueLimit { return .queueFull }
            let isEnough = state.waiting.count < state.threads.count - state.busy.count
            if !isEnough && state.threads.count < maximumThreads && !start(&state) && state.threads.isEmpty {
                return .noThread
            }
            state.waiting.append(work)
            return nil
        }
        if let refusal { throw refusal }
        state.wakeOne()
    }

    /// Removes cancelled work from the queue.
    package func withdraw(_ work: OffloadedWork) {
        state.withLock { $0.waiting.removeAll { $0 === work } }
    }

    /// Blocks until work that has begun is over, for at most `time`; returns whether it is over.
    package func wait(for work: OffloadedWork, within time: Duration) -> Bool { work.waitUntilOver(within: time) }

    /// Refuses new work, drops work that has not begun, and waits for the rest. Calling it again does nothing.
    ///
    /// The outcome of dropped work is ``OffloadError/poolEnded``. Must not be called by the work itself.
    /// - Parameter time: how long to wait for running work. A thread that is still running after that is abandoned: it
    ///   ends with its work, or with the process. Default: `nil`, no limit.
    public func shutdown(within time: Duration? = nil) {
        let (dropped, threads) = state.withLock { state in
            defer {
                state.waiting = []
                state.threads = []
            }
            state.hasEnded = true
            return (state.waiting, state.threads)
        }
        state.wakeAll()
        for work in dropped { work.drop(.poolEnded) }
        var left: Set<Int> = []
        if let time {
            let isIdle = state.wait(within: time) { $0.busy.isEmpty ? () : nil } != nil
            if !isIdle { left = state.withLock { $0.busy } }
        }
        for (number, worker) in threads.enumerated() {
            guard let thread = worker.thread.take() else { continue }
            precondition(!thread.isCurrent, "shutdown() was called by the pool's own work")
            // Idle threads find that the pool has ended and return, so joining them does not block.
            if left.contains(number) { thread.detach() } else { thread.join() }
        }
    }

    /// Starts one more thread, with the lock held; returns `false` when the system refuses.
    private func start(_ state: inout State) -> Bool {
        do throws(SocketError) {
            // The thread captures the state and not the pool, so that `deinit` can detect a pool that was not shut
            // down.
            let number = state.threads.count
            state.threads.append(
                Worker(
                    try SystemThread.start(named: "reactor-worker") { [state = self.state] in
                        Self.work(state, number)
                    }))
            return true
        } catch {
            return false  // the existing threads do the work
        }
    }

    /// The body of a thread.
    private static func work(_ state: Monitor<State>, _ number: Int) {
        // The outer optional means "check again when woken", the inner one "no more work".
        while let next = state.wait({ state -> OffloadedWork?? in
            guard !state.waiting.isEmpty else {
                state.busy.remove(number)
                return state.hasEnded ? .some(nil) : nil
            }
            state.busy.insert(number)
            return state.waiting.removeFirst()
        }) {
            if let begun = next.begin() { next.finish(begun) }
        }
        state.wakeAll()  // shutdown() may be waiting for this thread
    }
}
