// A server with a task per connection, on all its loops; run by the calling thread, or awaited by a task.

extension TCPServer {
    /// Listens, and starts all loops but the first; each connection is served by a task on its loop's thread.
    ///
    /// Works like ``listen(on:preparing:)``, with tasks instead of handlers, as in
    /// ``EventLoop/startServing(on:limits:_:)-(SocketAddress,_,_)``. While the server drains, reads of the tasks return the end of their
    /// streams.
    ///
    /// - Parameters:
    ///   - loop: an existing loop to use as the first one; `nil` creates one.
    ///   - body: serves one connection.
    /// - Returns: The server, to be run or shut down.
    /// - Throws: ``SocketError`` that names the address or the loop; everything is closed then.
    public func listenServing(
        on loop: EventLoop? = nil,
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) throws(SocketError) -> ListeningServer {
        try listen(on: loop) { loop in
            let server = TaskServer(loop, body)
            return { server.makeCore($0) }
        }
    }

    /// Listens, and starts all loops but the first; each connection is served by a task that is given its loop's state.
    ///
    ///     try server.listenServing(preparing: { _ in Room() }) { connection, room in
    ///         try await room.serve(connection)
    ///     }.run()
    ///
    /// Works like ``listenServing(on:_:)``.
    ///
    /// - Parameters:
    ///   - loop: an existing loop to use as the first one; `nil` creates one.
    ///   - prepare: called once on each loop's thread, before it accepts connections; returns the loop's state, which
    ///     need not be `Sendable`.
    ///   - body: serves one connection.
    /// - Returns: The server, to be run or shut down.
    /// - Throws: ``SocketError`` that names the address or the loop; everything is closed then.
    public func listenServing<State>(
        on loop: EventLoop? = nil, preparing prepare: @escaping @Sendable (EventLoop) throws -> State,
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection, State) async throws -> Void
    ) throws(SocketError) -> ListeningServer {
        try listen(on: loop) { loop in
            // Safe: the tasks that use the state run on the loop's thread only.
            let state = LoopValue(value: try prepare(loop))
            let server = TaskServer(loop) { connection in try await body(connection, state.value) }
            return { server.makeCore($0) }
        }
    }

    /// Listens, and serves each connection with a task, until the server is stopped.
    ///
    ///     try TCPServer(on: "127.0.0.1:7788", loops: 2).runServing { connection in
    ///         for try await line in connection.lines() { try await connection.write(line + "\n") }
    ///     }
    ///
    /// It blocks the calling thread; a task uses ``serve(drainTime:listening:_:)``.
    ///
    /// - Throws: ``SocketError`` as ``run(handler:)`` does.
    public func runServing(
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) throws(SocketError) {
        try listenServing(body).run()
    }

    /// Listens, and serves each connection with a task on threads of the server's own; returns as soon as it listens.
    ///
    /// Works like ``start(handler:ended:)``.
    ///
    /// - Parameters:
    ///   - ended: called once on the first loop's thread, when all loops have been shut down.
    ///   - body: serves one connection, on its loop's thread.
    /// - Returns: The running server.
    /// - Throws: ``SocketError`` that names the address or the loop; `ended` is not called then.
    public func startServing(
        ended: @escaping @Sendable (Result<ServerStatistics, SocketError>) -> Void = { _ in },
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) throws(SocketError) -> RunningServer {
        try start(listening: { server throws(SocketError) in try server.listenServing(body) }, ended: ended)
    }

    /// Listens, and serves each connection with a task on the server's own threads, until the calling task is cancelled
    /// or the server is stopped.
    ///
    ///     try await TCPServer(on: "127.0.0.1:7788", loops: 2).serve { connection in
    ///         for try await line in connection.lines() { try await connection.write(line + "\n") }
    ///     }
    ///
    /// Cancelling the calling task drains the server: it stops listening, reads of its tasks return the end of their
    /// streams, and connections still open after `drainTime` are reset, which their tasks see as
    /// ``WaitError/Kind/closed``. It can be called from any task; the calling thread is not blocked.
    ///
    /// - Parameters:
    ///   - drainTime: the time that tasks may take when the server is cancelled. Default: 5 s.
    ///   - listening: called once the server listens, with its address and its handle.
    ///   - body: serves one connection, on its loop's thread.
    /// - Returns: The loops' counters.
    /// - Throws: ``SocketError`` when the server cannot listen, or a loop's selector fails.
    @discardableResult
    public nonisolated(nonsending) func serve(
        drainTime: Duration = .seconds(5), listening: (RunningServer) -> Void = { _ in },
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) async throws(SocketError) -> ServerStatistics {
        let ending = Monitor(Ending.open)
        let running = try start(listening: { server throws(SocketError) in try server.listenServing(body) }) {
            result in
            let waiter: CheckedContinuation<Void, Never>? = ending.withLock { ending in
                defer { ending = .over(result) }
                if case .awaited(let waiter) = ending { return waiter }
                return nil
            }
            waiter?.resume()
        }
        listening(running)
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = ending.withLock { ending in
                    if case .over = ending { return true }
                    ending = .awaited(waiter)
                    return false
                }
                if isOver { waiter.resume() }
            }
        } onCancel: {
            running.handle.drain(within: drainTime)
        }
        guard case .over(let result) = ending.withLock({ $0 }) else {
            preconditionFailure("the server ended without a result")
        }
        return try result.get()
    }
}

/// The end of a server: the continuation that awaits it, or its result.
private enum Ending: Sendable {
    case open
    case awaited(CheckedContinuation<Void, Never>)
    case over(Result<ServerStatistics, SocketError>)
}
