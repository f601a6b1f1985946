// A connection for a task of any executor: it has a loop and a thread of its own for as long as the closure runs. A program
// that has a loop already connects on that one, with EventLoop.connect.

/// A TCP client, for programs without a loop of their own; the counterpart of
/// ``TCPServer/serve(drainTime:listening:_:)``.
public enum TCPClient {
    /// Connects, and runs a closure with the connection, on a loop with a thread of its own; no thread is blocked meanwhile.
    ///
    ///     let answer = try await TCPClient.connect(to: "example.org:7") { connection in
    ///         try await connection.write("hello\n")
    ///         return try await connection.readExactly(6)
    ///     }
    ///
    /// Leaving the closure sends what was written and closes; throwing from it resets the connection. Being cancelled
    /// cancels the closure's task.
    ///
    /// - Parameters:
    ///   - destination: `HOST:PORT`, the host a name or a numeric address, IPv6 in brackets; or `unix:PATH`. All addresses
    ///     of a name are tried (RFC 8305).
    ///   - timeout: how long that may take, from looking up the name on. Default: 10 s.
    ///   - limits: what the connection may use up.
    ///   - backend: how the loop finds out what is ready. Default: epoll.
    ///   - body: uses the connection, on the loop's thread.
    /// - Returns: What the closure returns, once the connection has ended: the peer has acknowledged what was sent, for
    ///   which it has ``Limits/writeStallTime`` after each byte, and has ended its stream or ``Limits/lingerTime`` is over.
    /// - Throws: ``SocketError`` when there is no connection to be had; ``WaitError`` when the task was cancelled; what the
    ///   closure throws.
    public nonisolated(nonsending) static func connect<Success: Sendable>(
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

/// A task on a loop of its own that can be cancelled before there is one.
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
