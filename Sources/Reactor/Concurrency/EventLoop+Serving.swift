// Servers with a task per connection. The tasks end before their server does, however it ends.
//
//     serving --cancelled--> draining: accepts nothing new; reads return end of stream --deadline--> cancelled
//        |                      |                                                                      |
//        +--end of the loop-----+------------------ the last connection is closed ---------------------+--> over

extension EventLoop {
    /// Listens, and serves each connection with a task on this loop's thread.
    ///
    ///     try loop.startServing(on: .loopback(port: 7788)) { connection in
    ///         var buffer = [UInt8](repeating: 0, count: 1024)
    ///         while let count = try await connection.read(into: &buffer) { ... }
    ///     }
    ///     try loop.run()
    ///
    /// Works like ``listen(on:limits:handler:)-(SocketAddress,_,_)``, with a task instead of a handler. When the
    /// closure returns, queued output is sent and the connection is closed. When it throws, the connection is closed
    /// with ``CloseReason/Kind/handlerError`` and the error is counted; other connections are not affected. The tasks
    /// end with the loop.
    ///
    /// - Parameters:
    ///   - address: the address to listen on; port 0 lets the kernel choose.
    ///   - limits: the limits of the connections, in total and each.
    ///   - body: serves one connection.
    /// - Returns: The listener.
    /// - Throws: ``SocketError`` that names the address.
    @discardableResult
    public func startServing(
        on address: SocketAddress, limits: Limits = Limits(),
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) throws(SocketError) -> Listener {
        let server = TaskServer(self, body)
        return try listen(on: address, limits: limits) { server.makeCore($0) }
    }

    /// Listens on a numeric address or `unix:PATH`, and serves each connection with a task on this loop's thread.
    @discardableResult
    public func startServing(
        on address: String, limits: Limits = Limits(),
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) throws(SocketError) -> Listener {
        try startServing(on: SocketAddress(address), limits: limits, body)
    }

    /// Listens, and serves each connection with a task on this loop's thread, until the calling task is cancelled.
    ///
    ///     try await loop.serve(on: .loopback(port: 7788)) { connection in
    ///         for try await line in connection.lines() { try await connection.write(line + "\n") }
    ///     }
    ///
    /// A connection's end is the same as with ``startServing(on:limits:_:)-(SocketAddress,_,_)``. Cancelling the calling task drains the
    /// server: it stops listening, reads of the connections' tasks return the end of their streams, and tasks still
    /// running after `drainTime` are cancelled. This returns when all tasks have ended and their connections are
    /// closed.
    ///
    /// - Parameters:
    ///   - address: the address to listen on; port 0 lets the kernel choose.
    ///   - limits: the limits of the connections, in total and each.
    ///   - drainTime: the time that tasks may take when the server is cancelled. Default: 5 s.
    ///   - listening: called with the listener, whose ``Listener/address`` has the actual port.
    ///   - body: serves one connection.
    /// - Throws: ``SocketError`` that names the address.
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

    /// Listens on a numeric address or `unix:PATH`, and serves until the calling task is cancelled.
    public nonisolated(nonsending) func serve(
        on address: String, limits: Limits = Limits(), drainTime: Duration = .seconds(5),
        listening: (Listener) -> Void = { _ in },
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) async throws(SocketError) {
        try await serve(
            on: SocketAddress(address), limits: limits, drainTime: drainTime, listening: listening, body)
    }
}

/// A server's connections and their tasks.
final class TaskServer: Suspension {
    typealias Body = nonisolated(nonsending) @Sendable (AsyncConnection) async throws -> Void

    let body: Body
    private unowned let loop: EventLoop
    /// The connections that are open or whose task is running.
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

    /// Removes a connection that is closed and whose task has ended.
    func ended(_ core: ConnectionTask) {
        let last = cores.removeLast()
        if last !== core {
            cores[core.place] = last
            last.place = core.place
        }
        if isEnding && cores.isEmpty { loop.executor.resume(self) }
    }

    /// Drains the tasks, cancels those that run beyond the deadline, and waits for the last one.
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
