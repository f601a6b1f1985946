// Swift concurrency on the loop's thread: the two executors, and the jobs that wait to run. A job is a piece of a task,
// from one suspension to the next.
//
//     enqueue --on the loop's thread, in a turn--> list -----------------------> run, in turns, within a budget
//        |                                          ^
//        +--any other thread--> mailbox, wake-up ---+
//        +--the loop has ended--> run one after another on Swift's pool: a dropped job would hang its task
//
// Jobs that events enqueue run in the same turn, jobs that other jobs enqueue in the next: a task that yields
// indefinitely takes its share of each turn and no more (invariants 6, 7, 8).

import Synchronization

// Safe to share: the state guarded by `isOnLoop` is used only on the loop's thread, in a turn; the rest is thread-safe.

/// An executor that runs tasks on a loop's thread.
///
/// A task that prefers this executor, its child tasks, and the default actors that they call need no other thread:
///
///     Task(executorPreference: loop.executor) { ... }
///
/// Jobs run in the order in which they became ready, whatever their priority. When the loop has ended, the remaining
/// jobs of its tasks run on Swift's pool, still one at a time.
@safe public final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    /// Jobs that arrive after the mailbox was closed, while the loop shuts down and later.
    private struct Late {
        var jobs: [LoopJob] = []
        /// Whether the loop has ended.
        var isOver = false
        /// Whether a task of Swift's pool is running them.
        var isRunning = false

        /// Returns whether such a task is to be started now.
        mutating func needsRunner() -> Bool {
            guard isOver, !isRunning, !jobs.isEmpty else { return false }
            isRunning = true
            return true
        }

        /// Returns the next job for that task; `nil` when none is left.
        mutating func next() -> LoopJob? {
            isRunning = !jobs.isEmpty
            return isRunning ? jobs.removeFirst() : nil
        }
    }

    private let mailbox: Mailbox
    /// The thread that runs the current turn; 0 between turns, when the loop may move to another thread.
    private let thread = Atomic<UInt>(0)
    private let late = Monitor(Late())

    // MARK: For the loop's thread, in a turn

    let jobs = WorkList<LoopJob>()
    let parking = Parking()
    /// Suspensions that wait for no connection and resume when the loop ends; by number, so that they resume in order.
    private var waits: [UInt64: Suspension] = [:]
    private var lastWait: UInt64 = 0
    /// The number of tasks within a scope that may cancel them, whatever they wait for.
    var cancellingScopes = 0
    /// Whether a job is running: no other may run inside it.
    private var isRunning = false
    /// Whether the next job is that of a new task, to be run while the task is created.
    private var startsAtOnce = false

    init(mailbox: Mailbox) { self.mailbox = mailbox }

    /// Enqueues a job. Called by Swift, on any thread, at any time.
    public func enqueue(_ job: consuming ExecutorJob) { enqueue(LoopJob(UnownedJob(job))) }

    // MARK: Any thread

    /// Whether the caller runs on the loop's thread, in a turn.
    var isOnLoop: Bool { thread.load(ordering: .relaxed) == SystemThread.currentNumber }

    func enqueue(_ job: LoopJob) {
        guard isOnLoop else { return enqueueFromElsewhere(job) }
        if startsAtOnce {
            startsAtOnce = false
            run(job)
        } else {
            jobs.append(job)
        }
    }

    private func enqueueFromElsewhere(_ job: LoopJob) {
        if mailbox.put({ $0.executor.jobs.append(job) }) { return }
        let needsRunner = late.withLock { late in
            late.jobs.append(job)
            return late.needsRunner()
        }
        if needsRunner { runLate() }
    }

    /// Runs the remaining jobs after the loop has ended, on Swift's pool but one at a time, as on the loop.
    private func runLate() {
        Task.detached { [self] in
            while let job = late.withLock({ $0.next() }) { run(job) }
        }
    }

    // MARK: The loop's thread

    /// Notes that a turn, or the loop's shutdown, begins on this thread.
    @inline(__always)
    func turnBegan() { thread.store(SystemThread.currentNumber, ordering: .relaxed) }

    @inline(__always)
    func turnEnded() { thread.store(0, ordering: .relaxed) }

    /// Runs a job on the executor that it was enqueued on.
    @inline(__always)
    func run(_ job: LoopJob) {
        isRunning = true
        // Safe: this object outlives the call, and an actor's executor lives as long as the actor, which its job keeps
        // alive.
        if let serialExecutor = unsafe job.serialExecutor {
            unsafe job.job.runSynchronously(on: serialExecutor)
        } else {
            unsafe job.job.runSynchronously(on: asUnownedTaskExecutor())
        }
        isRunning = false
    }

    /// Creates a task and runs it up to its first suspension. Inside a job, the task waits for its turn instead.
    func startingAtOnce(_ makeTask: () -> Task<Void, Never>) -> Task<Void, Never> {
        startsAtOnce = !isRunning
        defer { startsAtOnce = false }
        return makeTask()
    }

    /// Resumes a waiting task: now, or in its turn when another job is running. Does nothing if it does not wait.
    @inline(__always)
    func resume(_ suspension: Suspension) {
        guard let job = suspension.job else { return }
        suspension.job = nil
        if isRunning { return enqueue(LoopJob(job)) }
        isRunning = true
        unsafe job.runSynchronously(on: asUnownedTaskExecutor())  // safe: as in run(_:)
        isRunning = false
    }

    /// Registers a suspension to be resumed when the loop ends, until ``forget(_:)`` is called with the returned
    /// number.
    func note(_ suspension: Suspension) -> UInt64 {
        lastWait += 1
        waits[lastWait] = suspension
        return lastWait
    }

    func forget(_ wait: UInt64) { waits[wait] = nil }

    /// Resumes the registered suspensions when the loop ends; their tasks find that it has.
    func endWaits() {
        for (_, suspension) in waits.sorted(by: { $0.key < $1.key }) { resume(suspension) }
    }

    /// Takes the jobs that arrived while the loop shuts down; returns `false` when there are none.
    func takeLate() -> Bool {
        let taken = late.withLock { late in
            defer { late.jobs = [] }
            return late.jobs
        }
        for job in taken { jobs.append(job) }
        return !jobs.isEmpty
    }

    /// Hands the remaining and all later jobs to Swift's pool, because the loop has ended.
    func close() {
        var left: [LoopJob] = []
        jobs.drain { left.append($0) }
        let needsRunner = late.withLock { late in
            late.jobs = left + late.jobs
            late.isOver = true
            return late.needsRunner()
        }
        if needsRunner { runLate() }
    }
}

/// An executor that runs actors on a loop's thread, whatever thread calls them.
///
///     actor Totals {
///         private let executor: LoopSerialExecutor
///         nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
///     }
///
/// A separate type: Swift tells the jobs of actors and of tasks apart by the executor that they run on, and passes
/// those of an object that is both in circles.
public final class LoopSerialExecutor: SerialExecutor {
    private let executor: LoopExecutor

    init(_ executor: LoopExecutor) { self.executor = executor }

    /// Enqueues a job. Called by Swift, on any thread, at any time.
    public func enqueue(_ job: consuming ExecutorJob) {
        executor.enqueue(LoopJob(UnownedJob(job), of: self))
    }

    /// Traps when called on any other thread than the loop's. Called by Swift, for `assumeIsolated` and the like.
    public func checkIsolated() { precondition(executor.isOnLoop, "this is not the thread of the actor's loop") }
}

/// A job, and the executor that it was enqueued on.
@safe struct LoopJob: Sendable {
    let job: UnownedJob
    /// The executor of an actor; `nil` stands for the loop's task executor.
    let serialExecutor: UnownedSerialExecutor?

    init(_ job: UnownedJob, of serialExecutor: LoopSerialExecutor? = nil) {
        self.job = job
        // Safe: an actor keeps its executor, and the job keeps the actor.
        unsafe self.serialExecutor = serialExecutor?.asUnownedSerialExecutor()
    }
}
