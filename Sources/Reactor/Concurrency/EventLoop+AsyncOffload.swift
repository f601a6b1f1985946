// Blocking work that a task awaits. The loop goes on meanwhile, and the task resumes on it with the result.

extension EventLoop {
    /// Performs blocking work on another thread and waits for its result.
    ///
    ///     let users = try await loop.offload { try readUsers() }
    ///
    /// Works like ``offload(_:then:)``. Cancelling the task ends the wait: work that has not started is skipped, and
    /// the result of running work is discarded.
    ///
    /// - Parameter work: the blocking work.
    /// - Returns: The result of `work`.
    /// - Throws: The error of `work`; ``OffloadError`` when the queue is full, or the pool or the loop ended first;
    ///   ``WaitError/Kind/cancelled``.
    public nonisolated(nonsending) func offload<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let wait = OffloadWait<Value>()
        let given = try offload(work) { [executor] result in
            wait.result = result
            executor.resume(wait)
        }
        await waitCancellably(wait)
        if let result = wait.result { return try result.get() }
        given.cancel()
        throw WaitError.cancelled
    }
}

/// The suspension of a task that waits for blocking work. The loop reports every outcome, even when it ends.
private final class OffloadWait<Value>: Suspension {
    var result: Result<Value, any Error>?
}
