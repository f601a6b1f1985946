// One piece of blocking work on its way: from the loop that gave it away to a thread of the pool, and its outcome back.
// Whoever moves it on from `waiting` decides its fate, so that it is run or dropped, never both.
//
//     waiting --begin()--> begun --finish(): the work runs----> over --> its loop is told
//        +----- cancel(), pool or loop ends --> begun (to drop) --> over --> its loop is told
//
// A loop that ends does not wait for work without end. What it gives up goes on, and keeps alive what it uses; its result
// is kept by the work alone, and goes with it, on the thread that did it.

/// A piece of work that was given to a ``WorkerPool``. Made by ``EventLoop/offload(_:then:)``.
///
/// Any thread may use it.
public final class OffloadedWork: Sendable {
    private enum Stage: Sendable {
        case waiting(Body)
        case begun
        case over
    }

    /// What is to be done, and what to keep instead of a result when it is not.
    struct Body: Sendable {
        let run: @Sendable () -> Void
        let drop: @Sendable (OffloadError) -> Void
    }

    /// Work that has begun, as ``finish(_:)`` takes it: whoever holds this is the one who does it.
    public struct Begun: ~Copyable, Sendable {
        fileprivate let body: Body
    }

    private struct State: Sendable {
        var stage: Stage
        /// The result is of no use to the loop: it does not wait for it at its end.
        var isUnwanted: Bool
    }

    private let state: Monitor<State>
    private let pool: any WorkerPool
    /// Tells the loop that the outcome is there.
    private let report: @Sendable () -> Void

    init(_ body: Body, pool: any WorkerPool, isAwaitedAtEnd: Bool, report: @escaping @Sendable () -> Void) {
        state = Monitor(State(stage: .waiting(body), isUnwanted: !isAwaitedAtEnd))
        self.pool = pool
        self.report = report
    }

    /// Cancels the work, if it has not begun: it will not, and ``OffloadError/cancelled`` is its outcome. Work that has
    /// begun goes on, and its outcome is told as usual, but a loop that ends no longer waits for it.
    ///
    /// - Returns: Whether it was cancelled.
    @discardableResult
    public func cancel() -> Bool {
        guard drop(.cancelled) else {
            state.withLock { $0.isUnwanted = true }
            return false
        }
        pool.withdraw(self)
        return true
    }

    // MARK: For a pool

    /// Begins the work, which cannot be cancelled from now on; `nil` when it was cancelled before. For a ``WorkerPool``,
    /// which goes on with ``finish(_:)``.
    public func begin() -> Begun? {
        let body: Body? = state.withLock { state in
            guard case .waiting(let body) = state.stage else { return nil }
            state.stage = .begun
            return body
        }
        guard let body else { return nil }
        return Begun(body: body)
    }

    /// Does the work, on the calling thread, and tells its loop. For a ``WorkerPool``.
    public func finish(_ begun: consuming Begun) {
        begun.body.run()
        conclude()
    }

    /// Ends work that has not begun, with this outcome; `false` when it has begun, or is over. For a ``WorkerPool`` that
    /// is shut down.
    @discardableResult
    public func drop(_ reason: OffloadError) -> Bool {
        guard let begun = begin() else { return false }
        begun.body.drop(reason)
        conclude()
        return true
    }

    /// Blocks until work that has begun is over, but no longer than `time`; returns whether it is over. For a
    /// ``WorkerPool`` with threads.
    public func waitUntilOver(within time: Duration) -> Bool {
        state.wait(within: time) { state -> Void? in
            if case .begun = state.stage { return nil }
            return ()
        } != nil
    }

    /// The outcome is there.
    private func conclude() {
        state.withLock { $0.stage = .over }
        state.wakeAll()
        report()
    }

    // MARK: For the loop, when it ends

    /// Drops the work, if it has not begun.
    func dropWithLoop() {
        if drop(.loopEnded) { pool.withdraw(self) }
    }

    /// Waits until work that has begun is over, if its result is wanted, but no longer than `time`; returns whether it is
    /// over.
    func finishWithLoop(within time: Duration) -> Bool {
        let isUnwanted = state.withLock { $0.isUnwanted }
        return pool.wait(for: self, within: isUnwanted ? .zero : time)
    }
}
