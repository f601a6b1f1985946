// A server whose connections are served by tasks, on all its loops; run by the calling thread, or waited for by a task.

extension TCPServer {
    /// Listens, and starts the loops but the first; each connection is served by a task of its own, on the thread of its
    /// loop.
    ///
    /// As ``listen(on:preparing:)``, with tasks in the place of handlers, as in
    /// ``EventLoop/listen(on:limits:serving:)``. While the server drains, what the tasks read next is the end of their
    /// streams.
    public func listen(
        on loop: EventLoop? = nil,
        serving body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) throws(SocketError) -> ListeningServer {
        try listen(on: loop) { loop in
            let server = TaskServer(loop, body)
            return { server.makeCore($0) }
        }
    }

    /// Listens and serves each connection with a task of its own, until the server is stopped.
    ///
    ///     try TCPServer(on: "127.0.0.1:7788", loops: 2).run(serving: { connection in
    ///         for try await line in connection.lines() { try await connection.write(line + "\n") }
    ///     })
    ///
    /// - Throws: ``SocketError`` as ``run(handler:)`` does.
    public func run(
        serving body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) throws(SocketError) {
        try listen(serving: body).run()
    }

    /// Listens and serves each connection with a task of its own, on threads of the server's own, until the task that
    /// waits here is cancelled, or the server is stopped.
    ///
    ///     try await TCPServer(on: "127.0.0.1:7788", loops: 2).serve { connection in
    ///         for try await line in connection.lines() { try await connection.write(line + "\n") }
    ///     }
    ///
    /// Being cancelled drains the server: it stops listening, what its tasks read next is the end of their streams, and
    /// connections that are left when `drainTime` is over are closed, and their tasks told so. For any task; no thread is
    /// blocked meanwhile.
    ///
    /// - Parameters:
    ///   - drainTime: how long tasks may go on when the server is cancelled. Default: 5 s.
    ///   - listening: called once when it listens, with its address and its handle.
    ///   - body: serves one connection, on the thread of its loop.
    /// - Returns: What the loops have counted.
    /// - Throws: ``SocketError`` when it cannot listen there, or a loop's selector fails.
    @discardableResult
    public nonisolated(nonsending) func serve(
        drainTime: Duration = .seconds(5), listening: (RunningServer) -> Void = { _ in },
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) async throws(SocketError) -> ServerStatistics {
        let ending = Monitor(Ending.open)
        let running = try start(listening: { server throws(SocketError) in try server.listen(serving: body) }) {
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
            preconditionFailure("nobody said that it is over")
        }
        return try result.get()
    }
}

/// Who waits for the end of a server, and how it ended.
private enum Ending: Sendable {
    case open
    case awaited(CheckedContinuation<Void, Never>)
    case over(Result<ServerStatistics, SocketError>)
}
