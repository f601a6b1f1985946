// Outgoing connections for tasks.

extension EventLoop {
    /// Connects to a TCP server, or to a Unix socket.
    ///
    /// The caller owns the connection and has to close it; a forgotten one is closed after ``Limits/idleTime``.
    ///
    /// - Parameters:
    ///   - address: the address to connect to.
    ///   - local: the local address; its port is usually 0. `nil` leaves the choice to the kernel.
    ///   - timeout: the time limit for the handshake. Default: 10 s.
    ///   - limits: the connection's limits.
    /// - Returns: The connection.
    /// - Throws: ``SocketError`` when the connection fails; ``WaitError`` when the task was cancelled or the loop ended
    ///   first.
    public nonisolated(nonsending) func connect(
        to address: SocketAddress, from local: SocketAddress? = nil, timeout: Duration = .seconds(10),
        limits: Limits = Limits()
    ) async throws -> AsyncConnection {
        try await waitForConnection { handler, failed in
            try connect(to: address, from: local, timeout: timeout, limits: limits, handler: handler, failed: failed)
                .cancel
        }
    }

    /// Connects to a host by name or address.
    ///
    /// It looks the name up off the loop and tries its addresses as ``connect(to:options:limits:handler:failed:)``
    /// does.
    ///
    ///     let connection = try await loop.connect(to: "example.org:7")
    ///
    /// - Parameters:
    ///   - destination: `HOST:PORT`, the host being a name or a numeric address, IPv6 in brackets; or `unix:PATH`.
    ///   - options: the timing, and which family comes first.
    ///   - limits: the connection's limits.
    /// - Returns: The connection.
    /// - Throws: ``SocketError`` when the destination is malformed or the connection fails; ``WaitError`` when the task
    ///   was cancelled or the loop ended first.
    public nonisolated(nonsending) func connect(
        to destination: String, options: ConnectOptions = ConnectOptions(), limits: Limits = Limits()
    ) async throws -> AsyncConnection {
        try await waitForConnection { handler, failed in
            try connect(to: destination, options: options, limits: limits, handler: handler, failed: failed).cancel
        }
    }

    /// Connects, and runs a closure with the connection on this loop's thread.
    ///
    /// Returning from the closure sends queued output and closes the connection; throwing resets it.
    ///
    /// - Parameters:
    ///   - destination: `HOST:PORT`, the host being a name or a numeric address, IPv6 in brackets; or `unix:PATH`.
    ///   - options: the timing, and which family comes first.
    ///   - limits: the connection's limits.
    ///   - body: uses the connection.
    /// - Returns: The result of `body`.
    /// - Throws: as ``connect(to:options:limits:)`` does; the error of `body`.
    public nonisolated(nonsending) func withConnection<Success>(
        to destination: String, options: ConnectOptions = ConnectOptions(), limits: Limits = Limits(),
        _ body: nonisolated(nonsending) (AsyncConnection) async throws -> Success
    ) async throws -> Success {
        let connection = try await connect(to: destination, options: options, limits: limits)
        do {
            let value = try await body(connection)
            connection.close()
            return value
        } catch {
            connection.abort()
            throw error
        }
    }

    /// Waits for the outcome of an attempt.
    ///
    /// - Parameter begin: starts the attempt and returns the closure that cancels it.
    nonisolated(nonsending) func waitForConnection(
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

/// The suspension of a task that waits for a connection.
private final class Attempt: Suspension {
    var outcome: Result<ConnectionTask, SocketError>?
}
