// A real Redis for the time of a test: on a port of its own on loopback, with nothing kept on disk, ended with the test.

import Reactor
import Subprocess
import Testing

/// A Redis server that can be stopped and started again.
enum RunningRedis {
    /// Whether there is a `redis-server`.
    @Sendable static func isHere() async -> Bool {
        (try? await Executable.name("redis-server").resolveExecutablePath(in: .inherit)) != nil
    }

    /// A port that nobody listens on at this moment.
    static func freePort() throws -> UInt16 {
        let loop = try EventLoop()
        defer { loop.shutdown() }
        return try loop.listen(on: .loopback(port: 0)) { _ in throw CancellationError() }.address.port
    }

    /// Runs a Redis as long as `body` runs, which begins when it answers.
    static func run(on port: UInt16, _ body: @escaping @Sendable () async throws -> Void) async throws {
        _ = try await Subprocess.run(
            .name("redis-server"),
            arguments: [
                "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp",
            ],
            input: .none, output: .sequence, error: .discarded
        ) { execution in
            for try await line in execution.standardOutput.strings() where line.contains("Ready to accept") { break }
            defer { try? execution.send(signal: .kill) }
            try await body()
        }
    }
}
