// Connections that are opened and held, to see how many a server serves at once and what they take. In this process,
// because nothing is timed meanwhile.

import LoadGenerator
import Reactor

/// Connections to a server that are held in silence for a moment.
enum HeldConnections {
    /// Opens connections, each of which wants one message back in time, and holds those that got it.
    ///
    /// - Parameters:
    ///   - patience: how long a connection may take to be made, and again to its echo.
    ///   - time: how long they are held.
    ///   - begin, end: called when all are there, and when the time is over.
    /// - Returns: How many were served.
    /// - Throws: `SocketError` when no loop can be had, `CancellationError` when the task was cancelled.
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
