// Blocking work, seen from the loop: a worker pool does it, and the loop's thread receives its outcome exactly once,
// whatever becomes of the pool and of the loop. A loop that ends waits for running work, but not beyond its deadline.

extension EventLoop {
    /// Runs blocking work on another thread and delivers its result on the loop's thread.
    ///
    ///     try loop.offload { try readUsers() } then: { users in … }
    ///
    /// Call it on the loop's thread. Whatever `then` captures stays on that thread; whatever `work` captures moves to
    /// another.
    ///
    /// `work` may start child processes: the threads of a ``ThreadPool`` have the signal mask of the thread that first
    /// gave them work, less the signals that its loop watches, and a child inherits that mask.
    /// - Parameters:
    ///   - work: the blocking work. If it throws, the result holds its error.
    ///   - then: called exactly once, in a later turn, with the result; with an ``OffloadError`` when the work was
    ///     cancelled, or the pool or the loop ended before it was done.
    /// - Returns: The work, which can be cancelled until it begins.
    /// - Throws: ``OffloadError`` when the pool cannot take more work or has ended, or the loop has; `then` is not
    ///   called in that case.
    ///
    /// ## The end of the loop
    ///
    /// A loop that ends drops work that has not begun, and waits for running work until the deadline of
    /// ``drain(within:)``, or for at most 5 s when it was stopped. It does not wait for work that was cancelled while
    /// it was running, nor for name look-ups. Work that is still running after that cannot be interrupted: it
    /// continues, on a thread that the loop no longer waits for, until it returns or the process exits. `then` is
    /// called with ``OffloadError/abandoned``; the captures of the work and its return value are released on that
    /// thread.
    @discardableResult
    public func offload<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value,
        then: @escaping (Result<Value, any Error>) -> Void
    ) throws(OffloadError) -> OffloadedWork {
        try offload(work, isAwaitedAtEnd: true, then: then)
    }

    /// Runs blocking work; `isAwaitedAtEnd` says whether a loop that ends waits for it while it is running.
    func offload<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value, isAwaitedAtEnd: Bool,
        then: @escaping (Result<Value, any Error>) -> Void
    ) throws(OffloadError) -> OffloadedWork {
        if isShutDown { throw .loopEnded }
        // Written once, by the thread that runs or drops the work, before the loop is notified.
        let outcome = Monitor<Result<Value, any Error>?>(nil)
        let pool = workers.scheduler
        let number = offloaded.nextNumber
        let given = OffloadedWork(
            OffloadedWork.Body(
                run: {
                    let result = Result { try work() }
                    outcome.withLock { $0 = result }
                },
                drop: { reason in outcome.withLock { $0 = .failure(reason) } }),
            pool: pool, isAwaitedAtEnd: isAwaitedAtEnd,
            // A loop that has ended reads the outcome itself.
            report: { [handle] in _ = handle.execute { $0.offloaded.deliver(number) } })
        try pool.submit(given)
        offloaded.add(given) { error in
            // An outcome that arrives after the error stays in the monitor, which the work's thread releases.
            guard let result = outcome.withLock({ $0.take() }) ?? error.map({ .failure($0) }) else { return }
            then(result)
        }
        return given
    }

    /// The pool that does this loop's blocking work.
    ///
    /// Default: a ``ThreadPool`` of the loop's own, created on first use and shut down with the loop. The owner of a
    /// pool that is set here shuts it down, after the loop.
    public var workers: any WorkerPool {
        get {
            if let pool = offloaded.pool { return pool }
            let pool = ThreadPool()
            offloaded.pool = pool
            offloaded.ownPool = pool
            return pool
        }
        set { offloaded.pool = newValue }
    }
}

/// The offloaded work of a loop, and what to call with each outcome.
final class OffloadedWorkTable {
    private struct Entry {
        let work: OffloadedWork
        let deliver: (OffloadError?) -> Void
    }

    /// The time that a stopped loop waits for running work.
    private static let patience = Duration.seconds(5)

    /// The deadline until which a draining loop waits for running work.
    var deadline: MonotonicTime?
    fileprivate var pool: (any WorkerPool)?
    /// The pool that the loop created for itself.
    fileprivate var ownPool: ThreadPool?
    private var entries: [UInt64: Entry] = [:]
    fileprivate private(set) var nextNumber: UInt64 = 0

    fileprivate func add(_ work: OffloadedWork, _ deliver: @escaping (OffloadError?) -> Void) {
        entries[nextNumber] = Entry(work: work, deliver: deliver)
        nextNumber += 1
    }

    /// Delivers the outcome of a piece of work.
    fileprivate func deliver(_ number: UInt64) { entries.removeValue(forKey: number)?.deliver(nil) }

    /// Ends all work with the loop: drops work that has not begun, waits for running work until the deadline, and
    /// delivers every outcome.
    func end(_ kernel: any SystemCalls) {
        let deadline = deadline ?? kernel.now().advanced(by: Self.patience)
        // Drop first, so that no thread begins new work while the loop waits for another.
        let numbers = entries.keys.sorted()
        for number in numbers { entries[number]?.work.dropWithLoop() }
        var isAbandoning = false
        for number in numbers {
            guard let entry = entries.removeValue(forKey: number) else { continue }
            let left = max(.zero, kernel.now().duration(to: deadline))
            if !entry.work.finishWithLoop(within: left) { isAbandoning = true }
            entry.deliver(.abandoned)
        }
        // Threads that are still running are abandoned.
        ownPool?.shutdown(within: isAbandoning ? .zero : nil)
        ownPool = nil
    }
}
