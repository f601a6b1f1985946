// The processes of a bench: a server, a load, and connections that are held in silence. Each is this same executable
// with another subcommand, and none outlives the function that starts it.

import FoundationEssentials
import LoadGenerator
import Reactor
import Subprocess

/// Starts, and ends, this executable's other subcommands.
struct BenchProcesses: Sendable {
    /// A server that listens.
    struct Server: Sendable {
        let status: ProcessStatus
        let address: String
    }

    /// What a load says about itself: the part of ``LoadReport`` that a bench reads.
    struct LoadFindings: Decodable {
        struct Latency: Decodable {
            let p50Nanoseconds, p99Nanoseconds, p999Nanoseconds, maxNanoseconds: Int
        }

        let messages, connectionsMade, connectionsLeft: Int
        let messagesPerSecond: Double
        let cpuMicrosecondsPerMessage: Double?
        let latency: Latency?
    }

    /// Where the server and the load stay; `nil` for anywhere.
    let serverProcessor: Int?
    let loadProcessor: Int?

    private static let outputLimit = 1 << 20
    /// How long a process may take to end by itself.
    private static let politeness = TeardownStep.gracefulShutDown(allowedDurationToNextStep: .seconds(2))

    /// Starts the echo server on a back end, lends it to `body`, and ends it.
    func withServer<Value: Sendable>(
        _ backend: Backend, connections: Int, _ body: (Server) async throws -> Value
    ) async throws -> Value {
        let command = [
            "echo", "--backend", "\(backend)", "--max-connections", "\(connections)", "--idle-timeout", "0",
            "--first-message-timeout", "0", "--drain", "1ms",
        ]
        return try await withServer(command, body)
    }

    /// Starts a server, lends it to `body`, and ends it.
    ///
    /// Its standard input stays open as long as this process lives, and it ends when that does, however that happens.
    /// - Parameter command: the subcommand and its options, but not where to listen.
    func withServer<Value: Sendable>(
        _ command: [String], _ body: (Server) async throws -> Value
    ) async throws -> Value {
        let arguments = command + ["--listen", "127.0.0.1:0", "--end-with-input"] + Self.pinning(to: serverProcessor)
        let result = try await run(
            Self.configuration(arguments), input: .inputWriter, output: .sequence, error: .discarded
        ) { execution in
            var lines = execution.standardOutput.strings().makeAsyncIterator()
            guard let line = try await lines.next(), let address = Self.address(in: line) else {
                let command = arguments.joined(separator: " ")
                throw CommandFailure("the server did not start; to see why: reactor \(command)")
            }
            let status = ProcessStatus(number: execution.processIdentifier.value)
            let value = try await body(Server(status: status, address: address))
            await execution.teardown(using: [Self.politeness])
            return value
        }
        return result.closureResult
    }

    /// The address in `listening on 127.0.0.1:7788 (…`.
    static func address(in line: String) -> String? {
        let words = line.split(separator: " ")
        return words.count > 2 && words[0] == "listening" ? String(words[2]) : nil
    }

    /// Opens connections that stay silent, and keeps them while `body` runs.
    ///
    /// They are there when the server has as many more descriptors, and rests: each exchanges one message at first.
    func withIdleConnections<Value: Sendable>(
        _ count: Int, to server: Server, _ body: () async throws -> Value
    ) async throws -> Value {
        if count == 0 { return try await body() }
        guard let before = server.status.descriptorCount() else { throw CommandFailure("the server has ended") }
        let arguments =
            [
                "load", server.address, "--mode", "idle", "--connections", "\(count)", "--size",
                "\(BenchPlan.messageSize)", "--duration", "none", "--connect-timeout", "20s",
            ] + Self.pinning(to: loadProcessor)
        let result = try await run(
            Self.configuration(arguments), input: .none, output: .discarded, error: .discarded
        ) { execution in
            let holder = ProcessStatus(number: execution.processIdentifier.value)
            try await Self.wait(for: before + count, of: server.status, while: holder)
            let value = try await body()
            await execution.teardown(using: [Self.politeness])
            return value
        }
        return result.closureResult
    }

    /// Waits until a server has so many descriptors open and has nothing more to do.
    private static func wait(for descriptors: Int, of server: ProcessStatus, while holder: ProcessStatus) async throws {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(30)
        var open = 0
        var lastTime: Int64 = 0
        var quietTimes = 0
        while quietTimes < 3 {
            try await clock.sleep(for: .milliseconds(25))
            guard let count = server.descriptorCount(), let time = server.cpuTime() else {
                throw CommandFailure("the server has ended")
            }
            guard holder.isRunning, clock.now < end else {
                throw CommandFailure("\(max(0, descriptors - open)) idle connections were not made")
            }
            open = count
            // A timer now and then is rest; a message takes microseconds, and many are on their way or none.
            quietTimes = open >= descriptors && time - lastTime < 250_000 ? quietTimes + 1 : 0
            lastTime = time
        }
    }

    /// Puts a load on a server and waits for its findings.
    func load(
        _ server: Server, connections: Int, for duration: Duration, mode: LoadMode = .echo
    ) async throws -> LoadFindings {
        let arguments =
            [
                "load", server.address, "--connections", "\(connections)", "--size", "\(BenchPlan.messageSize)",
                "--duration", "\(max(1, Int(duration / .milliseconds(1))))ms", "--mode", "\(mode)", "--json", "-",
            ] + Self.pinning(to: loadProcessor)
        let result = try await run(
            Self.configuration(arguments), output: .string(limit: Self.outputLimit),
            error: .string(limit: Self.outputLimit))
        guard result.terminationStatus.isSuccess else {
            let message = result.standardError.split(whereSeparator: \.isNewline).last ?? "\(result.terminationStatus)"
            throw CommandFailure("the load failed: \(message)")
        }
        do {
            return try JSONDecoder().decode(LoadFindings.self, from: Data(result.standardOutput.utf8))
        } catch {
            throw CommandFailure("the load's JSON is not as expected: \(error)")
        }
    }

    private static func pinning(to processor: Int?) -> [String] { processor.map { ["--cpu", "\($0)"] } ?? [] }

    /// This executable, also if its file has been replaced meanwhile. In a process group of its own, so that control-C
    /// reaches the bench alone, which then decides; a process that is left over by an error is killed.
    private static func configuration(_ arguments: [String]) -> Configuration {
        var options = PlatformOptions()
        options.processGroupID = 0
        return Configuration(
            executable: .path("/proc/self/exe"),
            arguments: Arguments(executablePathOverride: "reactor", remainingValues: arguments),
            platformOptions: options)
    }
}
