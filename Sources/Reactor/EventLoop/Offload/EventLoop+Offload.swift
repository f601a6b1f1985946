// Blocking work, seen from the loop: it is given away, and what came of it is told on the loop's thread, exactly once,
// whatever becomes of the pool and of the loop. The end of the loop waits for running work, but not beyond its deadline.

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
    ///     ended before it was over, with the ``OffloadError`` that says so.
    /// - Returns: The work, which can be cancelled until it begins.
    /// - Throws: ``OffloadError`` at once, when there is no room for more work; nothing is told later then.
    ///
    /// ## The end of the loop
    ///
    /// A loop that ends drops work that has not begun, and waits for work that is running until the deadline of
    /// ``drain(within:)``, or for at most 5 s when it was stopped; it does not wait for work that was cancelled while
    /// it was running, nor for names that are looked up. Work that is still running then cannot be interrupted: it goes
    /// on, on a thread that the loop no longer waits for, until it returns or the process exits. `then` is told
    /// ``OffloadError/abandoned``; what the work captured and what it returns is released on that thread.
    @discardableResult
    public func offload<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value,
        then: @escaping (Result<Value, any Error>) -> Void
    ) throws(OffloadError) -> OffloadedWork {
        try offload(work, isAwaitedAtEnd: true, then: then)
    }

    /// The same, with the choice whether a loop that ends waits for work that is running.
    func offload<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value, isAwaitedAtEnd: Bool,
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
            pool: pool, isAwaitedAtEnd: isAwaitedAtEnd,
            // A loop that has ended looks for itself.
            report: { [handle] in _ = handle.execute { $0.offloaded.tell(number) } })
        try pool.submit(given)
        offloaded.add(given) { error in
            // What comes later than the error stays in the outcome, which the work's thread lets go.
            guard let result = outcome.withLock({ $0.take() }) ?? error.map({ .failure($0) }) else { return }
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
        let tell: (OffloadError?) -> Void
    }

    /// How long a loop that was stopped waits for work that is running.
    private static let patience = Duration.seconds(5)

    /// Until when a loop that drains waits for work that is running.
    var deadline: MonotonicTime?
    fileprivate var pool: (any WorkerPool)?
    /// The pool that the loop made for itself.
    fileprivate var ownPool: ThreadPool?
    private var entries: [UInt64: Entry] = [:]
    fileprivate private(set) var nextNumber: UInt64 = 0

    fileprivate func add(_ work: OffloadedWork, _ tell: @escaping (OffloadError?) -> Void) {
        entries[nextNumber] = Entry(work: work, tell: tell)
        nextNumber += 1
    }

    /// The outcome of a piece of work is there.
    fileprivate func tell(_ number: UInt64) { entries.removeValue(forKey: number)?.tell(nil) }

    /// The loop ends: what has not begun is dropped, what has is waited for until the deadline, and all is told.
    func end(_ kernel: any SystemCalls) {
        let deadline = deadline ?? kernel.now().advanced(by: Self.patience)
        // Drops come first, so that no thread begins with something while another is waited for.
        let numbers = entries.keys.sorted()
        for number in numbers { entries[number]?.work.dropWithLoop() }
        var isAbandoning = false
        for number in numbers {
            guard let entry = entries.removeValue(forKey: number) else { continue }
            let left = max(.zero, kernel.now().duration(to: deadline))
            if !entry.work.finishWithLoop(within: left) { isAbandoning = true }
            entry.tell(.abandoned)
        }
        // Threads that are still at work are left to themselves.
        ownPool?.shutdown(within: isAbandoning ? .zero : nil)
        ownPool = nil
    }
}
