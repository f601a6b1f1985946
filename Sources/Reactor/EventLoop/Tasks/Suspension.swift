// How a task waits for an event of its loop. It hops to an executor that keeps the job instead of running it, and
// resumes when the loop runs that job as one of its own.
//
//     running --wait--> Swift suspends the task and gives its job to the parking executor --> parked
//        ^                                                                                      |
//        +------------- resume: the job is run on the loop's task executor ---------------------+
//
// A continuation would do the same at one and a half times the cost (docs/decisions/parking.md): it keeps a record of
// its own in the task, and searches the task's locked list of records for an executor that is already known here.

/// An event that a task can wait for, one task at a time. Confined to the loop's thread.
@usableFromInline
class Suspension {
    /// The job of the waiting task.
    final var job: UnownedJob?
    /// The number of waits so far, so that an event that comes too late for one wait does not end the next.
    final var number: UInt32 = 0
    /// Whether the wait was ended by the cancellation of its task.
    final var wasCancelled = false

    init() {}
}

/// The actor in which tasks wait.
///
/// An actor, because calling one with an executor of its own is how a task hands over its job. It is never used for
/// isolation: its one method needs none, and its callers are on the loop's thread before and after. That is why the job
/// may be run on the loop's task executor, to which the caller belongs: when the method returns there, Swift finds
/// itself on the right executor and continues without a hop.
actor Parking {
    private nonisolated let executor = ParkingExecutor()
    /// The number of waits. Without a side effect, the call would be optimized away.
    private var count = 0

    // Safe: the executor lives as long as the actor, which every caller of `wait` keeps alive.
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// Announces which suspension waits next.
    @inline(__always)
    // Safe: the unowned reference is used only by the `wait` that follows at once; its task keeps the suspension until
    // then.
    nonisolated func prepare(_ suspension: Suspension) { unsafe executor.next = suspension }

    /// Suspends the calling task until ``LoopExecutor/resume(_:)``.
    func wait() { count &+= 1 }
}

/// An executor that keeps jobs until they are resumed.
// Safe to share: only tasks on the loop's thread call `wait`, right after `prepare`, and Swift enqueues their jobs
// there; until it has, the task keeps the suspension, whose method it is running.
@safe private final class ParkingExecutor: SerialExecutor, @unchecked Sendable {
    unowned(unsafe) var next: Suspension?

    func enqueue(_ job: consuming ExecutorJob) {
        guard let suspension = unsafe next else { preconditionFailure("a task of the loop waited on another thread") }
        unsafe next = nil
        suspension.job = UnownedJob(job)
    }
}
