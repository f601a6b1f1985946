// One piece of blocking work, from the loop to a thread of the pool and its outcome back. The thread that moves it on
// from `waiting` decides its fate, so that it is either run or dropped, never both.
//
//     waiting --begin()--> begun --finish(): the work runs----> over --> its loop is notified
//        +----- cancel(), pool or loop ends --> begun (to drop) --> over --> its loop is notified
//
// A loop that ends does not wait for endless work. Work that it abandons continues, and keeps alive what it uses; its
// result belongs to the work alone and is released with it, on the thread that did it.

/// A piece of work given to a ``WorkerPool``. Created by ``EventLoop/offload(_:then:)``.
///
/// Thread-safe.
public final class OffloadedWork: Sendable {
    private enum Stage: Sendable {
        case waiting(Body)
        case begun
        case over
    }

    /// The work, and the function that records why it was dropped.
    struct Body: Sendable {
        let run: @Sendable () -> Void
        let drop: @Sendable (OffloadError) -> Void
    }

    /// Work that has begun. The holder of this value must do it, by passing it to ``finish(_:)``.
    package struct Begun: ~Copyable, Sendable {
        fileprivate let body: Body
    }

    private struct State: Sendable {
        var stage: Stage
        /// Whether the loop has no use for the result and does not wait for it when it ends.
        var isUnwanted: Bool
    }

    private let state: Monitor<State>
    private let pool: any WorkScheduler
    /// Notifies the loop that the outcome is available.
    private let report: @Sendable () -> Void

    init(_ body: Body, pool: any WorkScheduler, isAwaitedAtEnd: Bool, report: @escaping @Sendable () -> Void) {
        state = Monitor(State(stage: .waiting(body), isUnwanted: !isAwaitedAtEnd))
        self.pool = pool
        self.report = report
    }

    /// Cancels the work if it has not begun; its outcome is then ``OffloadError/cancelled``.
    ///
    /// Work that has begun continues and delivers its outcome as usual, but a loop that ends no longer waits for it.
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

    /// Begins the work, which can no longer be cancelled. For a ``WorkerPool``, which then calls ``finish(_:)``.
    ///
    /// - Returns: The work to do; `nil` when it was cancelled or dropped before.
    package func begin() -> Begun? {
        let body: Body? = state.withLock { state in
            guard case .waiting(let body) = state.stage else { return nil }
            state.stage = .begun
            return body
        }
        guard let body else { return nil }
        return Begun(body: body)
    }

    /// Does the work on the calling thread and notifies its loop. For a ``WorkerPool``.
    package func finish(_ begun: consuming Begun) {
        begun.body.run()
        conclude()
    }

    /// Drops work that has not begun, with `reason` as its outcome. For a ``WorkerPool`` that is shut down.
    ///
    /// - Returns: `false` when it has begun, or is over.
    @discardableResult
    package func drop(_ reason: OffloadError) -> Bool {
        guard let begun = begin() else { return false }
        begun.body.drop(reason)
        conclude()
        return true
    }

    /// Blocks until work that has begun is over, for at most `time`. For a ``WorkerPool`` with threads.
    ///
    /// - Returns: Whether it is over.
    package func waitUntilOver(within time: Duration) -> Bool {
        state.wait(within: time) { state -> Void? in
            if case .begun = state.stage { return nil }
            return ()
        } != nil
    }

    /// Marks the work as over and notifies its loop.
    private func conclude() {
        state.withLock { $0.stage = .over }
        state.wakeAll()
        report()
    }

    // MARK: For the loop, when it ends

    /// Drops the work if it has not begun.
    func dropWithLoop() {
        if drop(.loopEnded) { pool.withdraw(self) }
    }

    /// Blocks until work that has begun is over, if its result is wanted, for at most `time`; returns whether it is
    /// over.
    func finishWithLoop(within time: Duration) -> Bool {
        let isUnwanted = state.withLock { $0.isUnwanted }
        return pool.wait(for: self, within: isUnwanted ? .zero : time)
    }
}
