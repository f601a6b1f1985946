// What a loop needs of those who do its blocking work: that they take a piece of it or refuse it at once, and can be
// waited for. Real threads stand in ThreadPool.swift; the simulated ones are ReactorTesting's.

/// Does blocking work for event loops, elsewhere.
///
/// ``ThreadPool`` is the real one. One pool may serve several loops. A loop calls it on its own thread, but for
/// ``withdraw(_:)``, which comes from whichever thread cancels.
public protocol WorkerPool: AnyObject, Sendable {
    /// Takes a piece of work, to be begun and finished some time later: ``OffloadedWork/begin()``, which answers `nil` when
    /// it was cancelled meanwhile, and ``OffloadedWork/finish(_:)``. Work begins in the order in which it came.
    ///
    /// Does not wait.
    /// - Throws: ``OffloadError`` when there is no room, or the pool has ended.
    func submit(_ work: OffloadedWork) throws(OffloadError)

    /// Forgets work that was cancelled before it began, so that there is room for other work.
    func withdraw(_ work: OffloadedWork)

    /// Blocks until work that has begun is over, but no longer than `time`; returns whether it is over.
    func wait(for work: OffloadedWork, within time: Duration) -> Bool
}

/// Why a piece of work was not done.
public struct OffloadError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason in words.
    public let description: String

    /// As much work as the pool keeps is waiting already: try later, or refuse whoever asked.
    public static let queueFull = OffloadError(description: "the pool of threads has no room for more work")
    /// The system has no room for even one thread.
    public static let noThread = OffloadError(description: "the system has no room for a thread")
    /// The pool was shut down before the work began.
    public static let poolEnded = OffloadError(description: "the pool of threads has ended")
    /// The loop ended before the work began.
    public static let loopEnded = OffloadError(description: "the loop has ended")
    /// The loop ended while the work was running. The work goes on, and what it uses is still in use; its result is lost.
    public static let abandoned = OffloadError(description: "the loop has ended while the work was running")
    /// ``OffloadedWork/cancel()`` came before the work began.
    public static let cancelled = OffloadError(description: "the work was cancelled before it began")
}
