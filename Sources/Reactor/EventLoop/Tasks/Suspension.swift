// How a task waits for something that happens on its loop. It waits by hopping to an executor that keeps the job instead
// of running it, and goes on when the loop runs that job as one of its own.
//
//     running --wait--> Swift suspends the task and gives its job to the parking executor --> parked
//        ^                                                                                      |
//        +------------- resume: the job is run on the loop's task executor ---------------------+
//
// A continuation would do the same for half as much again (docs/decisions/parking.md): it keeps a record of its own in
// the task, and goes through the task's locked list of records to find the executor that we know.

/// Something that a task can wait for, one task at a time. Used on the loop's thread.
@usableFromInline
class Suspension {
    /// The task, while it waits.
    final var job: UnownedJob?
    /// How often somebody has waited, so that what comes too late for one wait does not end the next.
    final var number: UInt32 = 0
    /// The wait was ended by the cancellation of its task.
    final var wasCancelled = false

    init() {}
}

/// The place where tasks wait.
///
/// An actor, because calling one with an executor of its own is how a task hands over its job. It is never used for
/// isolation: its one method does nothing that would need it, and whoever calls it is on the loop's thread before and
/// after. That is why the job may be run on the loop's task executor, to which the caller belongs: when the method
/// returns there, Swift finds that it is where it has to be, and goes on without a hop.
actor Parking {
    private nonisolated let executor = ParkingExecutor()
    /// How often somebody has waited. Without an effect, the call would be no call.
    private var count = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// Says who waits next.
    @inline(__always)
    nonisolated func prepare(_ suspension: Suspension) { unsafe executor.next = suspension }

    /// Waits, until ``LoopExecutor/resume(_:)``.
    func wait() { count &+= 1 }
}

/// Keeps jobs until they are resumed.
// Safe to share: only tasks on the loop's thread call `wait`, right after `prepare`, and Swift enqueues their jobs there;
// until it has, the task keeps the suspension, whose method it is running.
@safe private final class ParkingExecutor: SerialExecutor, @unchecked Sendable {
    unowned(unsafe) var next: Suspension?

    func enqueue(_ job: consuming ExecutorJob) {
        guard let suspension = unsafe next else { preconditionFailure("a loop's task waits on another thread") }
        unsafe next = nil
        suspension.job = UnownedJob(job)
    }
}
