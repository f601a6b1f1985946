// What a loop needs of a worker pool: it takes a piece of work or refuses it at once, and can be waited for. Real
// threads are in ThreadPool.swift; the simulated ones are in ReactorTesting.

/// A pool that does blocking work for event loops, on other threads.
///
/// ``ThreadPool`` is the real one; the simulated one is `SimulatedWorkers` of `ReactorTesting`. One pool may serve
/// several loops. What a loop calls of it is not public and may change between releases: only types of this package
/// conform.
public protocol WorkerPool: AnyObject, Sendable {}

extension WorkerPool {
    /// The pool as a loop uses it.
    var scheduler: any WorkScheduler {
        guard let scheduler = self as? any WorkScheduler else {
            preconditionFailure("\(type(of: self)) is not one of this package's worker pools")
        }
        return scheduler
    }
}

/// What a loop calls of a worker pool, on its own thread, except for ``withdraw(_:)``, which is called on the thread
/// that cancels.
package protocol WorkScheduler: WorkerPool {
    /// Takes a piece of work. Does not block.
    ///
    /// The pool later calls ``OffloadedWork/begin()``, which returns `nil` when the work was cancelled meanwhile, and
    /// ``OffloadedWork/finish(_:)``. Work begins in the order in which it was submitted.
    /// - Throws: ``OffloadError`` when the pool cannot take more work, or has ended.
    func submit(_ work: OffloadedWork) throws(OffloadError)

    /// Removes work that was cancelled before it began, so that there is room for other work.
    func withdraw(_ work: OffloadedWork)

    /// Blocks until work that has begun is over, for at most `time`; returns whether it is over.
    func wait(for work: OffloadedWork, within time: Duration) -> Bool
}

/// The reason why a piece of work was not done.
public struct OffloadError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason in one line.
    public let description: String

    /// The pool's queue is full: try again later, or refuse the request that needs the work.
    public static let queueFull = OffloadError(description: "the thread pool's queue is full")
    /// The system could not start even one thread.
    public static let noThread = OffloadError(description: "the system could not start a thread")
    /// The pool was shut down before the work began.
    public static let poolEnded = OffloadError(description: "the thread pool has been shut down")
    /// The loop ended before the work began.
    public static let loopEnded = OffloadError(description: "the loop has ended")
    /// The loop ended while the work was running. The work continues, and its captures are still in use; its result is
    /// lost.
    public static let abandoned = OffloadError(description: "the loop ended while the work was running")
    /// ``OffloadedWork/cancel()`` was called before the work began.
    public static let cancelled = OffloadError(description: "the work was cancelled before it began")
}
