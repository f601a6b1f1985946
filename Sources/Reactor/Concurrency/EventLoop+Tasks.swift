// Tasks on the loop: starting them, and waiting for the loop itself. Deadlines and pauses are the loop's timers, which
// run on virtual time in a simulation.

/// A value confined to a loop's thread, passed to that thread in a way that the compiler cannot verify.
// Safe to share: it is unwrapped on that thread only; each use has its reason.
struct LoopValue<Value>: @unchecked Sendable {
    let value: Value
}

extension EventLoop {
    /// Starts a task on this loop's thread, in this turn or the next.
    ///
    ///     loop.task { loop in
    ///         try await loop.sleep(for: .seconds(1))
    ///     }
    ///
    /// Its child tasks and the default actors that it calls run on this thread, too. `Task.sleep` works, but uses a
    /// thread of Swift's own and the system's clock before the task resumes here; ``sleep(for:)`` needs neither.
    @discardableResult
    public func task<Success: Sendable>(
        _ operation: sending nonisolated(nonsending) @escaping (EventLoop) async throws -> Success
    ) -> Task<Success, any Error> {
        // Safe: the task runs on the loop's thread, by its executor.
        let bound = LoopValue(value: (self, operation))
        return Task(executorPreference: executor) { try await bound.value.1(bound.value.0) }
    }

    /// Runs the loop until a task on it has ended, and shuts the loop down.
    ///
    /// - Parameter operation: the task.
    /// - Returns: The result of `operation`.
    /// - Throws: The error of `operation`; ``SocketError`` when the selector fails.
    public func run<Success: Sendable>(
        _ operation: sending nonisolated(nonsending) @escaping (EventLoop) async throws -> Success
    ) throws -> Success {
        let box = TaskResult<Success>()
        let bound = LoopValue(value: operation)
        task { loop in
            // Safe: the task that started this one runs on the same thread.
            do { box.value = .success(try await bound.value(loop)) } catch { box.value = .failure(error) }
            loop.stop()
        }
        try run()
        guard let result = box.value else { throw WaitError.loopEnded }
        return try result.get()
    }

    /// Suspends the task for a time of the loop's clock.
    ///
    /// - Parameter time: the minimum time, from the beginning of this turn.
    /// - Throws: ``WaitError/Kind/cancelled``; ``WaitError/Kind/loopEnded`` when the loop ends first.
    public nonisolated(nonsending) func sleep(for time: Duration) async throws(WaitError) {
        if isShutDown { throw .loopEnded }
        let sleep = Sleep()
        let timer = schedule(after: time) { [executor] in
            sleep.isOver = true
            executor.resume(sleep)
        }
        let wait = executor.note(sleep)
        await waitCancellably(sleep)
        executor.forget(wait)
        if sleep.isOver { return }
        cancel(timer)
        throw sleep.wasCancelled ? .cancelled : .loopEnded
    }

    /// Performs an operation with a time limit, and cancels it after that.
    ///
    /// The operation has to respond to cancellation, as everything in this library does. For the reads and writes of
    /// one connection, ``AsyncConnection/withDeadline(_:_:)`` costs less.
    ///
    /// - Parameters:
    ///   - time: the time from now.
    ///   - body: the operation.
    /// - Returns: The result of `body`.
    /// - Throws: ``WaitError/Kind/deadline`` when the time limit cancelled it; otherwise the error of `body`.
    public nonisolated(nonsending) func withDeadline<Success>(
        _ time: Duration, _ body: nonisolated(nonsending) @escaping () async throws -> Success
    ) async throws -> Success {
        // Safe: this task waits until the child has ended, on the same thread.
        let bound = LoopValue(value: body)
        let child = Task(executorPreference: executor) { LoopValue(value: try await bound.value()) }
        var isLate = false
        let timer = schedule(after: time) {
            isLate = true
            child.cancel()
        }
        executor.cancellingScopes += 1
        defer {
            executor.cancellingScopes -= 1
            cancel(timer)
        }
        do {
            return try await withTaskCancellationHandler {
                try await child.value
            } onCancel: {
                child.cancel()
            }.value
        } catch {
            throw isLate ? WaitError.deadline : error
        }
    }

    // MARK: Waiting

    /// Waits until the suspension is resumed or the task is cancelled; ``Suspension/wasCancelled`` says which.
    @inline(never)
    nonisolated(nonsending) func waitCancellably(_ suspension: Suspension) async {
        precondition(
            suspension.job == nil,
            "two tasks wait for one event: let one of them wait, and share what it receives")
        suspension.number &+= 1
        suspension.wasCancelled = false
        let number = suspension.number
        // Safe: it is unwrapped on the loop's thread only, by `execute`.
        let bound = LoopValue(value: suspension)
        await withTaskCancellationHandler {
            executor.parking.prepare(suspension)
            await executor.parking.wait()
        } onCancel: { [handle] in
            handle.execute { loop in loop.executor.cancel(bound.value, number) }
        }
    }
}

extension LoopExecutor {
    /// Ends a wait whose task was cancelled, if it is still the same wait.
    fileprivate func cancel(_ suspension: Suspension, _ number: UInt32) {
        guard suspension.number == number, suspension.job != nil else { return }
        suspension.wasCancelled = true
        resume(suspension)
    }
}

/// The suspension of a task that waits for a timer.
private final class Sleep: Suspension {
    var isOver = false
}

/// The result of the task that a loop was run for.
// Safe to share: written by the loop's task, and read on the same thread after the loop has ended.
private final class TaskResult<Success>: @unchecked Sendable {
    var value: Result<Success, any Error>?
}
