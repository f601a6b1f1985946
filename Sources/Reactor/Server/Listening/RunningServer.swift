// A server on threads of its own, for programs whose main thread runs no loop, such as those with an async `main`.

/// A server running on threads of its own. Created by ``TCPServer/start(handler:ended:)``.
public struct RunningServer: Sendable {
    /// The listening address, with the port that the kernel chose for 0.
    public let address: SocketAddress
    /// The handle that stops, drains and queries the server.
    public let handle: ServerHandle
}

extension TCPServer {
    /// Listens and serves on threads of its own; returns as soon as it listens.
    ///
    /// The process does not wait for the server; a caller that has to wait uses `ended`.
    ///
    /// - Parameters:
    ///   - handler: creates the handler of a connection, on the connection's loop.
    ///   - ended: called once on the first loop's thread, when all loops have been shut down. A failure is that of a
    ///     loop's
    ///     selector.
    /// - Returns: The running server.
    /// - Throws: ``SocketError`` as ``listen(handler:)`` does; `ended` is not called then.
    public func start(
        handler: @escaping @Sendable (Connection) throws -> any ConnectionHandler,
        ended: @escaping @Sendable (Result<ServerStatistics, SocketError>) -> Void
    ) throws(SocketError) -> RunningServer {
        try start(listening: { server throws(SocketError) in try server.listen(handler: handler) }, ended: ended)
    }

    /// Starts a server that is created by `listen`.
    package func start(
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
