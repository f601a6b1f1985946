// Swift's concurrency on the loop's thread: the two executors, and the jobs that wait for their turn. A job is a piece of
// a task, from where it was suspended to where it is suspended next.
//
//     enqueue --on the loop's thread, in a turn--> list -----------------------> run, in turns, within a budget
//        |                                          ^
//        +--any other thread--> mailbox, wake-up ---+
//        +--the loop has ended--> run one after another on a thread of Swift's pool: a task that nobody runs would hang
//
// Jobs that events bring up run in the same turn, those that jobs bring up in the next: a task that yields for ever takes
// its share of each turn and no more (invariants 6, 7, 8).

import Synchronization

// Safe to share: what `isOnLoop` guards is used on the loop's thread in a turn only; the rest is made for many threads.

/// Runs tasks on a loop's thread: a task that prefers this executor, its child tasks and the default actors that they call
/// need no other thread.
///
///     Task(executorPreference: loop.executor) { ... }
///
/// Jobs run in the order in which they became ready, whatever their priority. When the loop has ended, what is left of its
/// tasks runs on Swift's pool, still one at a time.
@safe public final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    /// What comes when the mailbox is closed: while the loop shuts down, and after that.
    private struct Late {
        var jobs: [LoopJob] = []
        /// The loop has ended.
        var isOver = false
        /// A task of the pool runs them.
        var isRunning = false

        /// Whether such a task is to be started now.
        mutating func needsRunner() -> Bool {
            guard isOver, !isRunning, !jobs.isEmpty else { return false }
            isRunning = true
            return true
        }

        /// The next job for that task; `nil` when it is done.
        mutating func next() -> LoopJob? {
            isRunning = !jobs.isEmpty
            return isRunning ? jobs.removeFirst() : nil
        }
    }

    private let mailbox: Mailbox
    /// The thread that runs the current turn; 0 between turns, when the loop may be on its way to another thread.
    private let thread = Atomic<UInt>(0)
    private let late = Monitor(Late())

    // MARK: For the loop's thread, in a turn

    let jobs = WorkList<LoopJob>()
    let parking = Parking()
    /// Those who wait for no connection, to go on when the loop ends; by number, so that they do so in order.
    private var waits: [UInt64: Suspension] = [:]
    private var lastWait: UInt64 = 0
    /// How many tasks are within a scope that may cancel them whatever they wait for.
    var cancellingScopes = 0
    /// A job is running: no other may run inside it.
    private var isRunning = false
    /// The next job is a new task's, to be run while the task is made.
    private var startsAtOnce = false

    init(mailbox: Mailbox) { self.mailbox = mailbox }

    /// Takes a job. Called by Swift, on any thread, at any time.
    public func enqueue(_ job: consuming ExecutorJob) { enqueue(LoopJob(UnownedJob(job))) }

    // MARK: Any thread

    /// Whether this is the thread of the loop, in a turn.
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

    /// Runs what is left when the loop has ended, elsewhere but one at a time, as it would have been on the loop.
    private func runLate() {
        Task.detached { [self] in
            while let job = late.withLock({ $0.next() }) { run(job) }
        }
    }

    // MARK: The loop's thread

    /// A turn begins, or the end of the loop.
    @inline(__always)
    func turnBegan() { thread.store(SystemThread.currentNumber, ordering: .relaxed) }

    @inline(__always)
    func turnEnded() { thread.store(0, ordering: .relaxed) }

    /// Runs a job with the executor that it knows.
    @inline(__always)
    func run(_ job: LoopJob) {
        isRunning = true
        // Safe: this object outlives the call, and an actor's executor lives as long as the actor, which its job keeps.
        if let serialExecutor = unsafe job.serialExecutor {
            unsafe job.job.runSynchronously(on: serialExecutor)
        } else {
            unsafe job.job.runSynchronously(on: asUnownedTaskExecutor())
        }
        isRunning = false
    }

    /// Runs what makes a task, and the task up to where it first waits. Inside a job, it waits for its turn.
    func startingAtOnce(_ makeTask: () -> Task<Void, Never>) -> Task<Void, Never> {
        startsAtOnce = !isRunning
        defer { startsAtOnce = false }
        return makeTask()
    }

    /// Goes on with a task that waits, now, or in its turn when another job is running. Does nothing if it does not wait.
    @inline(__always)
    func resume(_ suspension: Suspension) {
        guard let job = suspension.job else { return }
        suspension.job = nil
        if isRunning { return enqueue(LoopJob(job)) }
        isRunning = true
        unsafe job.runSynchronously(on: asUnownedTaskExecutor())  // safe: as above
        isRunning = false
    }

    /// Has a task go on when the loop ends, until ``forget(_:)`` is called with the answer.
    func note(_ suspension: Suspension) -> UInt64 {
        lastWait += 1
        waits[lastWait] = suspension
        return lastWait
    }

    func forget(_ wait: UInt64) { waits[wait] = nil }

    /// The loop ends: those who were noted go on, and see that it has.
    func endWaits() {
        for (_, suspension) in waits.sorted(by: { $0.key < $1.key }) { resume(suspension) }
    }

    /// What came while the loop shuts down; `false` when there was nothing.
    func takeLate() -> Bool {
        let taken = late.withLock { late in
            defer { late.jobs = [] }
            return late.jobs
        }
        for job in taken { jobs.append(job) }
        return !jobs.isEmpty
    }

    /// The loop has ended: what is left, and what comes, runs elsewhere.
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

/// Runs an actor on a loop's thread, for those that have to be there whoever calls them.
///
///     actor Totals {
///         private let executor: LoopSerialExecutor
///         nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
///     }
///
/// A type of its own: Swift tells the jobs of actors and of tasks apart by the executor that they are run with, and sends
/// those of an object that is both in circles.
public final class LoopSerialExecutor: SerialExecutor {
    private let executor: LoopExecutor

    init(_ executor: LoopExecutor) { self.executor = executor }

    /// Takes a job. Called by Swift, on any thread, at any time.
    public func enqueue(_ job: consuming ExecutorJob) {
        executor.enqueue(LoopJob(UnownedJob(job), of: self))
    }

    /// Traps when this is not the loop's thread. Called by Swift, for `assumeIsolated` and the like.
    public func checkIsolated() { precondition(executor.isOnLoop, "this is not the thread of the actor's loop") }
}

/// A job, and the executor that it knows.
@safe struct LoopJob: Sendable {
    let job: UnownedJob
    /// An actor's executor; `nil` is the loop's task executor.
    let serialExecutor: UnownedSerialExecutor?

    init(_ job: UnownedJob, of serialExecutor: LoopSerialExecutor? = nil) {
        self.job = job
        unsafe self.serialExecutor = serialExecutor?.asUnownedSerialExecutor()
    }
}
