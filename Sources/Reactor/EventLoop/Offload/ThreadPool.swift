// A bounded pool of threads for work that blocks. A thread is started when work comes and none is idle, up to a maximum;
// from then on it sleeps until there is work. Beyond the queue's length work is refused at once: a queue without end only
// hides that the threads are too slow, and answers everybody too late.

/// Threads that do blocking work for event loops.
///
///     let pool = ThreadPool(threads: 8)
///     defer { pool.shutdown() }
///     loop.workers = pool
///
/// Any thread may use it. Who makes a pool shuts it down; a loop does so with the one that it made for itself.
public final class ThreadPool: WorkerPool {
    private struct State: Sendable {
        var waiting: [OffloadedWork] = []
        var threads: [Worker] = []
        /// Threads that are at work, by number; the others wait for it, or have just been started.
        var busy: Set<Int> = []
        var hasEnded = false
    }

    // Safe to share: `thread` is set with the pool's lock held, and taken by `shutdown` alone, after all were set.
    private final class Worker: @unchecked Sendable {
        var thread: SystemThread?

        init(_ thread: consuming SystemThread) { self.thread = consume thread }
    }

    /// The most threads that there will be.
    public let maximumThreads: Int
    /// The most pieces of work that wait.
    public let queueLimit: Int
    private let state = Monitor(State())

    /// A pool without a thread yet.
    ///
    /// - Parameters:
    ///   - threads: the most that there will be, 1 to 1,024. Default: one for each processor, at most 4.
    ///   - queueLimit: how much work may wait while all threads are busy, 1 to 1,048,576. Default: 256.
    public init(threads: Int? = nil, queueLimit: Int = 256) {
        maximumThreads = min(max(1, threads ?? min(4, SystemThread.processorCount)), 1024)
        self.queueLimit = min(max(1, queueLimit), 1 << 20)
    }

    deinit {
        let isLeft = state.withLock { !$0.threads.isEmpty }
        precondition(!isLeft, "a pool of threads was dropped without being shut down")
    }

    /// How many threads there are.
    public var threadCount: Int { state.withLock { $0.threads.count } }

    /// How much work waits for a thread.
    public var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Takes work, or refuses it at once.
    public func submit(_ work: OffloadedWork) throws(OffloadError) {
        let refusal: OffloadError? = state.withLock { state in
            if state.hasEnded { return .poolEnded }
            // What threads that are free will take at once does not wait.
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

    /// Forgets work that was cancelled.
    public func withdraw(_ work: OffloadedWork) {
        state.withLock { $0.waiting.removeAll { $0 === work } }
    }

    /// Blocks until work that has begun is over, but no longer than `time`; returns whether it is over.
    public func wait(for work: OffloadedWork, within time: Duration) -> Bool { work.waitUntilOver(within: time) }

    /// Takes no more work, drops what has not begun, and waits until the rest is done. Calling it again does nothing.
    ///
    /// Work that is dropped has ``OffloadError/poolEnded`` as its outcome. Not to be called by the work itself.
    /// - Parameter time: how long to wait for work that is running. A thread that is still at work then is left to itself:
    ///   it ends with its work, or with the process. Default: `nil`, as long as it takes.
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
            precondition(!thread.isCurrent, "shutdown() was called by work of the pool")
            // Those that are not at work find that the pool has ended, and nothing keeps them from it.
            if left.contains(number) { thread.detach() } else { thread.join() }
        }
    }

    /// Starts one more thread, with the lock held; `false` when the system has no room for it.
    private func start(_ state: inout State) -> Bool {
        do throws(SocketError) {
            // The thread holds the state and not the pool, so that it is seen when the pool is dropped.
            let number = state.threads.count
            state.threads.append(
                Worker(
                    try SystemThread.start(named: "reactor-worker") { [state = self.state] in
                        Self.work(state, number)
                    }))
            return true
        } catch {
            return false  // those that are there do the work
        }
    }

    /// The life of a thread.
    private static func work(_ state: Monitor<State>, _ number: Int) {
        // The outer optional is "look again when woken", the inner one "no more work".
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
        state.wakeAll()  // the pool may wait for this thread
    }
}
