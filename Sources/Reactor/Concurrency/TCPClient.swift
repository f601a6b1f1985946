// An outgoing connection for a task on any executor: it has its own loop and thread while the closure runs. A program
// that has a loop already uses EventLoop.connect.

/// A TCP client for programs without a loop; the counterpart of ``TCPServer/serve(drainTime:listening:_:)``.
public enum TCPClient {
    /// Connects, and runs a closure with the connection on a loop with its own thread; the calling thread is not
    /// blocked.
    ///
    ///     let answer = try await TCPClient.withConnection(to: "example.org:7") { connection in
    ///         try await connection.write("hello\n")
    ///         return try await connection.readExactly(6)
    ///     }
    ///
    /// Returning from the closure sends queued output and closes the connection; throwing resets it. Cancelling the
    /// calling task cancels the closure's task.
    ///
    /// - Parameters:
    ///   - destination: `HOST:PORT`, the host being a name or a numeric address, IPv6 in brackets; or `unix:PATH`. All
    ///     addresses of a name are tried (RFC 8305).
    ///   - timeout: the time limit for connecting, including the name lookup. Default: 10 s.
    ///   - limits: the connection's limits.
    ///   - backend: the loop's selector. Default: level-triggered epoll.
    ///   - body: uses the connection, on the loop's thread.
    /// - Returns: The result of `body`, after the connection has ended: the peer has acknowledged everything, with at
    ///   most ``Limits/writeStallTime`` between acknowledgements, and has ended its stream or exceeded
    ///   ``Limits/lingerTime``.
    /// - Throws: ``SocketError`` when the connection fails; ``WaitError`` when the task was cancelled; the error of
    ///   `body`.
    public nonisolated(nonsending) static func withConnection<Success: Sendable>(
        to destination: String, timeout: Duration = .seconds(10), limits: Limits = Limits(),
        backend: Backend = .epoll(),
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Success
    ) async throws -> Success {
        var options = ConnectOptions()
        options.timeout = timeout
        let attempt = ClientAttempt<Success>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                do throws(SocketError) {
                    let thread = try SystemThread.start(named: "reactor client") { [options] in
                        waiter.resume(
                            with: Result {
                                let loop = try EventLoop(backend: backend)
                                return try attempt.run(on: loop, lingering: limits.lingerTime) { loop in
                                    try await loop.connect(to: destination, options: options, limits: limits)
                                } body: { connection in
                                    try await body(connection)
                                }
                            })
                    }
                    thread.detach()
                } catch {
                    waiter.resume(throwing: error)
                }
            }
        } onCancel: {
            attempt.cancel()
        }
    }
}

/// A task on its own loop that can be cancelled before it has started.
private final class ClientAttempt<Success: Sendable>: Sendable {
    private struct State {
        var task: Task<Success, any Error>?
        var isCancelled = false
    }

    private let state = Monitor(State())

    func cancel() {
        let task = state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }

    /// Runs the loop until the closure has returned and its connection has ended.
    func run(
        on loop: EventLoop, lingering time: Duration,
        connect: nonisolated(nonsending) @escaping @Sendable (EventLoop) async throws -> AsyncConnection,
        body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Success
    ) throws -> Success {
        let task = loop.task { loop in
            let connection = try await connect(loop)
            do {
                let value = try await body(connection)
                connection.close()
                await connection.core.waitUntilClosed()
                return value
            } catch {
                connection.abort()
                throw error
            }
        }
        let isCancelled = state.withLock { state in
            state.task = task
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
        let outcome = Monitor<Result<Success, any Error>?>(nil)
        loop.task { loop in
            let result = await task.result
            outcome.withLock { $0 = result }
            loop.drain(within: max(time, .milliseconds(1)))
        }
        try loop.run()
        guard let result = outcome.withLock({ $0 }) else { throw WaitError.loopEnded }
        return try result.get()
    }
}
