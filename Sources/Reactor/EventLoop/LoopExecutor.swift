// Swift's concurrency on the loop's thread: the two executors, and the jobs that wait for their turn. A job is a piece of
// a task, from where it was suspended to where it is suspended next.
//
//     enqueue --on the loop's thread, in a turn--> list -----------------------> run, in turns, within a budget
//        |                                          ^
//        +--any other thread--> mailbox, wake-up ---+
//        +--the loop has ended--> Swift's global executor: a task that nobody runs would hang for ever
//
// Jobs that events bring up run in the same turn, those that jobs bring up in the next: a task that yields for ever takes
// its share of each turn and no more (invariants 6, 7, 8).

import Synchronization

/// Runs tasks on a loop's thread: a task that prefers this executor, its child tasks and the default actors that they call
/// need no other thread.
///
///     Task(executorPreference: loop.executor) { ... }
///
/// When the loop has ended, what is left of its tasks runs on Swift's global executor.
// Safe to share: what `isOnLoop` guards is used on the loop's thread in a turn only; the rest is made for many threads.
@safe public final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    private struct Late {
        var jobs: [LoopJob] = []
        var isOver = false
    }

    private let mailbox: Mailbox
    /// The thread that runs the current turn; 0 between turns, when the loop may be on its way to another thread.
    private let thread = Atomic<UInt>(0)
    /// What comes while the loop shuts down and its mailbox is closed.
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
        let isOver = late.withLock { late in
            if !late.isOver { late.jobs.append(job) }
            return late.isOver
        }
        if isOver { globalConcurrentExecutor.enqueue(job.job) }
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
        if isRunning { return jobs.append(LoopJob(job)) }
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

    /// What came while the loop shut down. When nothing came and nothing is left, nothing is taken from then on.
    func takeLate() -> Bool {
        let taken = late.withLock { late in
            let taken = late.jobs
            late.jobs = []
            late.isOver = taken.isEmpty && jobs.isEmpty
            return taken
        }
        for job in taken { jobs.append(job) }
        return !jobs.isEmpty
    }

    /// No more jobs are taken: what is left runs elsewhere.
    func close() {
        let left = late.withLock { late in
            late.isOver = true
            return late.jobs
        }
        jobs.drain { globalConcurrentExecutor.enqueue($0.job) }
        for job in left { globalConcurrentExecutor.enqueue(job.job) }
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
