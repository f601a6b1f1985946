// A server on threads of its own, for programs whose main thread is no loop: those with an asynchronous `main` above all.

/// A server that runs on threads of its own. Made by ``TCPServer/start(handler:ended:)``.
public struct RunningServer: Sendable {
    /// Where it listens, with the real port where 0 was asked for.
    public let address: SocketAddress
    /// What ends it, and what asks it.
    public let handle: ServerHandle
}

extension TCPServer {
    /// Listens and serves on threads of its own; returns as soon as it listens.
    ///
    /// The process does not wait for the server: who needs that waits for `ended`.
    /// - Parameters:
    ///   - handler: makes the handler of a connection, on the loop that has it.
    ///   - ended: called once, when all loops have ended and everything is shut down; on the first loop's thread. A
    ///     failure is that of a loop's selector.
    /// - Throws: ``SocketError`` as ``listen(handler:)`` does; `ended` is not called then.
    public func start(
        handler: @escaping @Sendable (Connection) throws -> any ConnectionHandler,
        ended: @escaping @Sendable (Result<ServerStatistics, SocketError>) -> Void
    ) throws(SocketError) -> RunningServer {
        try start(listening: { server throws(SocketError) in try server.listen(handler: handler) }, ended: ended)
    }

    /// The same, for servers that take connections in other ways.
    func start(
        listening listen: @escaping @Sendable (TCPServer) throws(SocketError) -> ListeningServer,
        ended: @escaping @Sendable (Result<ServerStatistics, SocketError>) -> Void
    ) throws(SocketError) -> RunningServer {
        let beginning = Monitor<Result<RunningServer, SocketError>?>(nil)
        @Sendable func tell(_ result: Result<RunningServer, SocketError>) {
            beginning.withLock { $0 = result }
            beginning.wakeOne()
        }
        let thread = try SystemThread.start(named: "reactor 1") {
            let server: ListeningServer
            do throws(SocketError) {
                server = try listen(self)
            } catch {
                return tell(.failure(error))
            }
            tell(.success(RunningServer(address: server.address, handle: server.handle)))
            do throws(SocketError) {
                try server.run()
                ended(.success(server.finalStatistics))
            } catch {
                ended(.failure(error))
            }
        }
        thread.detach()
        return try beginning.wait { $0 }.get()
    }
}
