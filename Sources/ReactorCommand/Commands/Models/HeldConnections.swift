// Connections that are opened and held, to see how many a server serves at once and what they cost. They run in this
// process, because nothing is timed meanwhile.

import LoadGenerator
import Reactor

/// Connections to a server that are held silent for a while.
enum HeldConnections {
    /// Opens connections, exchanges one message on each, and holds those that were served in time.
    ///
    /// - Parameters:
    ///   - count: the number of connections to open.
    ///   - address: the server.
    ///   - patience: how long a connect may take, and then the first echo.
    ///   - time: how long the connections are held.
    ///   - begin, end: called when all are established, and after `time`.
    /// - Returns: The number of connections that were served.
    /// - Throws: `SocketError` when no loop can be created, `CancellationError` when the task was cancelled.
    static func hold(
        _ count: Int, to address: SocketAddress, patience: Duration, for time: Duration, begin: @escaping () -> Void,
        end: @escaping () -> Void
    ) throws -> Int {
        var configuration = LoadConfiguration(address: address)
        configuration.mode = .idle
        configuration.connections = count
        configuration.connectTimeout = patience
        configuration.duration = nil
        let loop = try EventLoop()
        defer { loop.shutdown() }
        let generator = try LoadGenerator(configuration, on: loop)
        generator.onMeasuring = {
            begin()
            loop.schedule(after: time) {
                end()
                generator.stop()
            }
        }
        loop.schedule(after: .milliseconds(50), repeating: .milliseconds(50)) {
            if Task.isCancelled { loop.stop() }
        }
        var served = 0
        generator.start { result in
            served = result.connectionsMade
            loop.stop()
        }
        try loop.run()
        try Task.checkCancellation()
        return served
    }
}
