// The echo on this framework, with handlers and with tasks. Unlike the other models it is not simplified: servers are
// meant to be written like this.

internal import Reactor

/// An echo handler.
private final class Echo: ConnectionHandler {
    func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
}

/// The models that use the framework.
enum FrameworkModel {
    /// Serves until SIGTERM or SIGINT.
    ///
    /// - Parameter withTasks: whether connections are served by tasks instead of handlers.
    /// - Throws: `SocketError` when it cannot listen.
    static func run(
        on address: SocketAddress, _ options: ModelOptions, _ kernel: any SystemCalls, withTasks: Bool,
        listening: (SocketAddress) -> Void
    ) throws(SocketError) {
        let loop = try EventLoop(backend: .epoll(.levelTriggered), kernel: kernel)
        do throws(SocketError) {
            for signal in [Signal.terminate, .interrupt] { try loop.watchSignal(signal) { loop.stop() } }
            // No deadline closes a silent client, as in the other models, so that they can be compared.
            var limits = Limits()
            limits.connections = min(options.limit, limits.effectiveConnections())
            limits.backlog = options.backlog
            limits.idleTime = nil
            limits.firstMessageTime = nil
            let listener =
                if withTasks {
                    try loop.startServing(on: address, limits: limits, serve)
                } else {
                    try loop.listen(on: address, limits: limits) { _ in Echo() }
                }
            listening(listener.address)
        } catch {
            loop.shutdown()
            throw error
        }
        try loop.run()
    }

    /// Echoes a connection in a task.
    private static nonisolated(nonsending) func serve(_ connection: AsyncConnection) async throws {
        while try await connection.read({ connection.base.write($0) }) { try await connection.waitForRoom() }
    }
}
