// The echo on this framework, as a handler that is called and as a task that waits. Here nothing is deliberately simple:
// this is how a server is meant to be written.

import Reactor

/// An echo handler.
private final class Echo: ConnectionHandler {
    func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
}

/// The framework's own two ways.
enum FrameworkModel {
    static func run(
        on address: SocketAddress, _ options: ModelOptions, _ kernel: any SystemCalls, withTasks: Bool,
        listening: (SocketAddress) -> Void
    ) throws(SocketError) {
        let loop = try EventLoop(backend: .epoll(.levelTriggered), kernel: kernel)
        do throws(SocketError) {
            for signal in [Signal.terminate, .interrupt] { try loop.watchSignal(signal) { loop.stop() } }
            // As patient as the other models are, so that they can be compared: no deadline ends a silent client.
            var limits = Limits()
            limits.connections = min(options.limit, limits.effectiveConnections())
            limits.backlog = options.backlog
            limits.idleTime = nil
            limits.firstMessageTime = nil
            let listener =
                if withTasks {
                    try loop.listen(on: address, limits: limits, serving: serve)
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

    /// An echo task.
    private static nonisolated(nonsending) func serve(_ connection: AsyncConnection) async throws {
        while try await connection.read({ connection.base.write($0) }) { try await connection.waitForRoom() }
    }
}
