// Blocking work, seen from the loop: it is given away, and what came of it is told on the loop's thread, exactly once,
// whatever becomes of the pool and of the loop.

extension EventLoop {
    /// Has blocking work done by another thread, and its result told on this one.
    ///
    ///     try loop.offload { try readUsers() } then: { users in … }
    ///
    /// On the loop's thread. What `then` holds stays on it; what `work` holds goes to another.
    ///
    /// Child processes may be started by `work`: the threads of a ``ThreadPool`` have the signal mask of the thread that
    /// first gave them work, less the signals that its loop watches, and a child inherits that mask.
    /// - Parameters:
    ///   - work: what may block. It may throw; the result then holds its error.
    ///   - then: told the result, exactly once, in a later turn: also when the work was cancelled, or the pool or the loop
    ///     ended before it began, with the ``OffloadError`` that says so. A loop that ends waits for work that has begun.
    /// - Returns: The work, which can be cancelled until it begins.
    /// - Throws: ``OffloadError`` at once, when there is no room for more work; nothing is told later then.
    @discardableResult
    public func offload<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value,
        then: @escaping (Result<Value, any Error>) -> Void
    ) throws(OffloadError) -> OffloadedWork {
        if isShutDown { throw .loopEnded }
        // Written once, by whoever decides the work's fate, before the loop is told.
        let outcome = Monitor<Result<Value, any Error>?>(nil)
        let pool = workers
        let number = offloaded.nextNumber
        let given = OffloadedWork(
            OffloadedWork.Body(
                run: {
                    let result = Result { try work() }
                    outcome.withLock { $0 = result }
                },
                drop: { reason in outcome.withLock { $0 = .failure(reason) } }),
            pool: pool,
            // A loop that has ended looks for itself.
            report: { [handle] in _ = handle.execute { $0.offloaded.tell(number) } })
        try pool.submit(given)
        offloaded.add(given) {
            guard let result = outcome.withLock({ $0.take() }) else { return }
            then(result)
        }
        return given
    }

    /// Who does the blocking work of this loop. Default: a ``ThreadPool`` of the loop's own, made when it is first used
    /// and shut down with the loop; one that is set here is its owner's to shut down, after the loop.
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

/// The work that a loop has given away, and what to do with its outcome.
final class OffloadedWorkTable {
    private struct Entry {
        let work: OffloadedWork
        let tell: () -> Void
    }

    fileprivate var pool: (any WorkerPool)?
    /// The pool that the loop made for itself.
    fileprivate var ownPool: ThreadPool?
    private var entries: [UInt64: Entry] = [:]
    fileprivate private(set) var nextNumber: UInt64 = 0

    fileprivate func add(_ work: OffloadedWork, _ tell: @escaping () -> Void) {
        entries[nextNumber] = Entry(work: work, tell: tell)
        nextNumber += 1
    }

    /// The outcome of a piece of work is there.
    fileprivate func tell(_ number: UInt64) { entries.removeValue(forKey: number)?.tell() }

    /// The loop ends: what has not begun is dropped, what has is waited for, and all is told.
    func end() {
        // Drops come first, so that no thread begins with something while another is waited for.
        let numbers = entries.keys.sorted()
        for number in numbers { entries[number]?.work.dropWithLoop() }
        for number in numbers {
            entries[number]?.work.finishWithLoop()
            tell(number)
        }
        ownPool?.shutdown()
        ownPool = nil
    }
}
