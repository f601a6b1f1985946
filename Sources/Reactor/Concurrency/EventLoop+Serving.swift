// Serving connections with a task each. The tasks end before their server does, whatever ends it.
//
//     serving --cancelled--> draining: no newcomers; what is read next is the end of the stream --time is over--> cancelled
//        |                      |                                                                                   |
//        +--the loop ends-------+----------------------- the last connection is closed -----------------------------+--> over

extension EventLoop {
    /// Listens, and has each connection served by a task of its own, on this loop's thread.
    ///
    ///     try loop.listen(on: .loopback(port: 7788)) { connection in
    ///         var buffer = [UInt8](repeating: 0, count: 1024)
    ///         while let count = try await connection.read(into: &buffer) { ... }
    ///     }
    ///     try loop.run()
    ///
    /// As ``listen(on:limits:handler:)-(SocketAddress,_,_)``, with a task in the place of a handler. When the closure
    /// returns, what it wrote is sent and the connection closed. When it throws, the connection is closed with
    /// ``CloseReason/Kind/handlerError``, and counted; the others go on. The tasks end with the loop.
    /// - Throws: ``SocketError`` when it cannot listen there.
    @discardableResult
    public func listen(
        on address: SocketAddress, limits: Limits = Limits(),
        serving body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) throws(SocketError) -> Listener {
        let server = TaskServer(self, body)
        return try listen(on: address, limits: limits) { server.makeCore($0) }
    }

    /// Listens, and serves each connection with a task of its own, on this loop's thread.
    ///
    ///     try await loop.serve(on: .loopback(port: 7788)) { connection in
    ///         for try await line in connection.lines() { try await connection.write(line + "\n") }
    ///     }
    ///
    /// What becomes of a connection when the closure returns or throws, ``listen(on:limits:serving:)`` tells. Whoever
    /// cancels the task that serves drains the server: it stops listening, what the connections' tasks read next is the
    /// end of their streams, and those that still run when `drainTime` is over are cancelled. This returns when all of
    /// them have ended and their connections are closed.
    ///
    /// - Parameters:
    ///   - address: where; port 0 lets the kernel choose.
    ///   - limits: what the connections may use up, in all and each.
    ///   - drainTime: how long tasks may go on when the server is cancelled. Default: 5 s.
    ///   - listening: called with the listener, whose ``Listener/address`` has the real port.
    ///   - body: serves one connection.
    /// - Throws: ``SocketError`` when it cannot listen there.
    public nonisolated(nonsending) func serve(
        on address: SocketAddress, limits: Limits = Limits(), drainTime: Duration = .seconds(5),
        listening: (Listener) -> Void = { _ in },
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) async throws(SocketError) {
        let server = TaskServer(self, body)
        let listener = try listen(on: address, limits: limits) { server.makeCore($0) }
        listening(listener)
        let wait = executor.note(server)
        await waitCancellably(server)
        executor.forget(wait)
        listener.close()
        await server.end(within: drainTime)
    }
}

/// The connections of one server, and their tasks.
final class TaskServer: Suspension {
    typealias Body = nonisolated(nonsending) @Sendable (AsyncConnection) async throws -> Void

    let body: Body
    private unowned let loop: EventLoop
    /// Those whose task or connection has not ended.
    private var cores: [ConnectionTask] = []
    private var isEnding = false

    init(_ loop: EventLoop, _ body: @escaping Body) {
        self.loop = loop
        self.body = body
    }

    func makeCore(_ connection: Connection) -> ConnectionTask { ConnectionTask(connection, server: self) }

    func began(_ core: ConnectionTask) {
        core.place = cores.count
        cores.append(core)
    }

    /// Task and connection are over.
    func ended(_ core: ConnectionTask) {
        let last = cores.removeLast()
        if last !== core {
            cores[core.place] = last
            last.place = core.place
        }
        if isEnding && cores.isEmpty { loop.executor.resume(self) }
    }

    /// Lets the tasks end, cancels those that do not, and waits for the last one.
    nonisolated(nonsending) func end(within time: Duration) async {
        isEnding = true
        for core in cores { core.drain() }
        let timer = loop.schedule(after: time) { [self] in
            for core in cores { core.cancelTask() }
        }
        while !cores.isEmpty {
            loop.executor.parking.prepare(self)
            await loop.executor.parking.wait()
        }
        loop.cancel(timer)
    }
}
