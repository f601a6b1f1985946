// Blocking work that a task waits for. The task lets go of its loop meanwhile, and goes on there with the result.

extension EventLoop {
    /// Has blocking work done by another thread, and waits for its result.
    ///
    ///     let users = try await loop.offload { try readUsers() }
    ///
    /// As ``offload(_:then:)``. A task that is cancelled waits no longer: work that has not begun is not done then, and of
    /// work that has begun nobody hears.
    /// - Throws: what `work` throws; ``OffloadError`` when there is no room for more work, or the pool or the loop ended
    ///   before it was over; ``WaitError/Kind/cancelled``.
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

/// A task that waits for blocking work. The loop tells every outcome, at its own end too, so nothing else ends the wait.
private final class OffloadWait<Value>: Suspension {
    var result: Result<Value, any Error>?
}
