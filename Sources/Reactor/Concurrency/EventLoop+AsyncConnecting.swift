// Connecting, for a task that waits for it.

extension EventLoop {
    /// Connects to a TCP server.
    ///
    /// The connection is the caller's: close it. A connection that is forgotten ends with ``Limits/idleTime``.
    /// - Parameters:
    ///   - address: where to.
    ///   - local: this side's address, its port usually 0; `nil` leaves it to the kernel.
    ///   - timeout: how long the handshake may take. Default: 10 s.
    ///   - limits: what the connection may use up.
    /// - Throws: ``SocketError`` when there is no connection to be had; ``WaitError`` when the task was cancelled or the
    ///   loop ended first.
    public nonisolated(nonsending) func connect(
        to address: SocketAddress, from local: SocketAddress? = nil, timeout: Duration = .seconds(10),
        limits: Limits = Limits()
    ) async throws -> AsyncConnection {
        let attempt = Attempt()
        let connector = try connect(
            to: address, from: local, timeout: timeout, limits: limits,
            handler: { [executor] connection in
                let core = ConnectionTask(connection, server: nil)
                attempt.outcome = .success(core)
                executor.resume(attempt)
                return core
            },
            failed: { [executor] error in
                attempt.outcome = .failure(error)
                executor.resume(attempt)
            })
        let wait = executor.note(attempt)
        await waitCancellably(attempt)
        executor.forget(wait)
        if let outcome = attempt.outcome { return AsyncConnection(try outcome.get()) }
        connector.cancel()
        throw attempt.wasCancelled ? WaitError.cancelled : WaitError.loopEnded
    }
}

/// A task that waits for a connection.
private final class Attempt: Suspension {
    var outcome: Result<ConnectionTask, SocketError>?
}
