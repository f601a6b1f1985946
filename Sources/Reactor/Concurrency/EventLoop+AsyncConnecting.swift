// Connecting, for a task that waits for it.

extension EventLoop {
    /// Connects to a TCP server, or to a Unix socket.
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
        try await waitForConnection { handler, failed in
            try connect(to: address, from: local, timeout: timeout, limits: limits, handler: handler, failed: failed)
                .cancel
        }
    }

    /// Connects to a host by name, or by address: looks the name up off the loop and tries all of its addresses, as
    /// ``connect(to:options:limits:handler:failed:)`` does.
    ///
    ///     let connection = try await loop.connect(to: "example.org:7")
    ///
    /// - Parameters:
    ///   - destination: `HOST:PORT`, the host a name or a numeric address, IPv6 in brackets; or `unix:PATH`.
    ///   - options: times, and which family comes first.
    ///   - limits: what the connection may use up.
    /// - Throws: ``SocketError`` when the destination is malformed, or there is no connection to be had; ``WaitError`` when
    ///   the task was cancelled or the loop ended first.
    public nonisolated(nonsending) func connect(
        to destination: String, options: ConnectOptions = ConnectOptions(), limits: Limits = Limits()
    ) async throws -> AsyncConnection {
        try await waitForConnection { handler, failed in
            try connect(to: destination, options: options, limits: limits, handler: handler, failed: failed).cancel
        }
    }

    /// Waits for an attempt to come to something.
    ///
    /// - Parameter begin: begins the attempt, and answers what gives it up.
    private nonisolated(nonsending) func waitForConnection(
        _ begin: (@escaping HandlerFactory, @escaping (SocketError) -> Void) throws -> () -> Void
    ) async throws -> AsyncConnection {
        let attempt = Attempt()
        let cancel = try begin(
            { [executor] connection in
                let core = ConnectionTask(connection, server: nil)
                attempt.outcome = .success(core)
                executor.resume(attempt)
                return core
            },
            { [executor] error in
                attempt.outcome = .failure(error)
                executor.resume(attempt)
            })
        let wait = executor.note(attempt)
        await waitCancellably(attempt)
        executor.forget(wait)
        if let outcome = attempt.outcome { return AsyncConnection(try outcome.get()) }
        cancel()
        throw attempt.wasCancelled ? WaitError.cancelled : WaitError.loopEnded
    }
}

/// A task that waits for a connection.
private final class Attempt: Suspension {
    var outcome: Result<ConnectionTask, SocketError>?
}
