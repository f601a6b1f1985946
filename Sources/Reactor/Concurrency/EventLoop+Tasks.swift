// Tasks on the loop: starting them, and how they wait for the loop itself. The deadlines and pauses are the loop's own
// timers, virtual where its time is.

/// A value that belongs to a loop's thread, on its way there by a way that the compiler cannot follow.
// Safe to share: it is unwrapped on that thread only; each use says why.
struct LoopValue<Value>: @unchecked Sendable {
    let value: Value
}

extension EventLoop {
    /// Starts a task on this loop's thread; it begins in this turn or the next.
    ///
    ///     loop.task { loop in
    ///         try await loop.sleep(for: .seconds(1))
    ///     }
    ///
    /// Its child tasks and the default actors that it calls run on this thread too. `Task.sleep` inside of it works, by the
    /// system's clock and a thread of Swift's own, and the task comes back here; ``sleep(for:)`` needs neither.
    @discardableResult
    public func task<Success: Sendable>(
        _ operation: sending nonisolated(nonsending) @escaping (EventLoop) async throws -> Success
    ) -> Task<Success, any Error> {
        // Safe: the task runs on the loop's thread, by its executor.
        let bound = LoopValue(value: (self, operation))
        return Task(executorPreference: executor) { try await bound.value.1(bound.value.0) }
    }

    /// Runs the loop until a task on it has ended, shuts the loop down, and answers what the task did.
    ///
    /// - Throws: what the task throws, and ``SocketError`` when the selector fails.
    public func run<Success: Sendable>(
        _ operation: sending nonisolated(nonsending) @escaping (EventLoop) async throws -> Success
    ) throws -> Success {
        let box = TaskResult<Success>()
        let bound = LoopValue(value: operation)
        task { loop in
            // Safe: the same task, on the same thread.
            do { box.value = .success(try await bound.value(loop)) } catch { box.value = .failure(error) }
            loop.stop()
        }
        try run()
        guard let result = box.value else { throw WaitError.loopEnded }
        return try result.get()
    }

    /// Waits, by the loop's clock.
    ///
    /// - Parameter time: from the beginning of this turn; never less.
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

    /// Does something that has to be done within a time, whatever it waits for; cancels it otherwise.
    ///
    /// What is waited for has to heed cancellation, as everything here does. For the reads and writes of one connection,
    /// ``AsyncConnection/withDeadline(_:_:)`` costs less.
    /// - Throws: ``WaitError/Kind/deadline`` when it was cancelled for that; what `body` throws otherwise.
    public nonisolated(nonsending) func withDeadline<Success>(
        _ time: Duration, _ body: nonisolated(nonsending) @escaping () async throws -> Success
    ) async throws -> Success {
        // Safe: the task that asks waits until the other has ended, on the same thread.
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

    /// Waits until somebody resumes the suspension, or the task is cancelled, which ``Suspension/wasCancelled`` tells.
    @inline(never)
    nonisolated(nonsending) func waitCancellably(_ suspension: Suspension) async {
        suspension.number &+= 1
        suspension.wasCancelled = false
        let number = suspension.number
        // Safe: unwrapped in a task of the loop.
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
    /// Ends a wait because its task was cancelled, if it is still the same wait.
    fileprivate func cancel(_ suspension: Suspension, _ number: UInt32) {
        guard suspension.number == number, suspension.job != nil else { return }
        suspension.wasCancelled = true
        resume(suspension)
    }
}

/// A task that waits for a timer.
private final class Sleep: Suspension {
    var isOver = false
}

/// What became of the task that a loop was run for.
// Safe to share: written by the loop's task, read on the same thread when the loop has ended.
private final class TaskResult<Success>: @unchecked Sendable {
    var value: Result<Success, any Error>?
}
