// The processes of a benchmark: a server, a load, and a holder of idle connections. Each is this executable with
// another subcommand, and none outlives the function that starts it.

import FoundationEssentials
import LoadGenerator
import Reactor
import Subprocess

/// The start and the end of the processes of a benchmark.
struct BenchProcesses: Sendable {
    /// A listening server process.
    struct Server: Sendable {
        let status: ProcessStatus
        let address: String
    }

    /// The result of a load: the part of ``LoadReport`` that a benchmark reads.
    struct LoadFindings: Decodable {
        struct Latency: Decodable {
            let p50Nanoseconds, p99Nanoseconds, p999Nanoseconds, maxNanoseconds: Int
        }

        let messages, connectionsMade, connectionsLeft: Int
        let messagesPerSecond: Double
        let cpuMicrosecondsPerMessage: Double?
        let latency: Latency?
    }

    /// The processors to which server and load are pinned; `nil` for any.
    let serverProcessor: Int?
    let loadProcessor: Int?

    private static let outputLimit = 1 << 20
    /// The teardown of a process: it has two seconds to exit after SIGTERM.
    private static let politeness = TeardownStep.gracefulShutDown(allowedDurationToNextStep: .seconds(2))

    /// Starts the echo server on a back end, calls `body` with it, and ends it.
    func withServer<Value: Sendable>(
        _ backend: Backend, connections: Int, _ body: (Server) async throws -> Value
    ) async throws -> Value {
        let command = [
            "echo", "--backend", "\(backend)", "--max-connections", "\(connections)", "--idle-timeout", "0",
            "--first-message-timeout", "0", "--drain", "1ms",
        ]
        return try await withServer(command, body)
    }

    /// Starts a server, calls `body` with it, and ends it.
    ///
    /// The server's standard input is a pipe from this process; the server exits when the pipe closes, so it never
    /// outlives this process.
    /// - Parameters:
    ///   - command: the subcommand and its options, without `--listen`.
    ///   - body: uses the running server.
    /// - Throws: ``CommandFailure`` when the server does not start, and what `body` throws.
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
                throw CommandFailure("the server did not start; to see why, run: reactor \(command)")
            }
            let status = ProcessStatus(number: execution.processIdentifier.value)
            let value = try await body(Server(status: status, address: address))
            await execution.teardown(using: [Self.politeness])
            return value
        }
        return result.closureResult
    }

    /// Returns the address in a line `listening on 127.0.0.1:7788 (…`; `nil` for any other line.
    static func address(in line: String) -> String? {
        let words = line.split(separator: " ")
        return words.count > 2 && words[0] == "listening" ? String(words[2]) : nil
    }

    /// Opens idle connections and holds them while `body` runs.
    ///
    /// Each exchanges one message first. They count as established when the server has that many more descriptors open
    /// and is idle.
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

    /// Waits until a server has this many descriptors open and is idle.
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
                throw CommandFailure("\(max(0, descriptors - open)) idle connections were not established")
            }
            open = count
            // An occasional timer counts as idle. Messages take microseconds each, and while any are left there are
            // many.
            quietTimes = open >= descriptors && time - lastTime < 250_000 ? quietTimes + 1 : 0
            lastTime = time
        }
    }

    /// Puts a load on a server and returns its result.
    ///
    /// - Throws: ``CommandFailure`` when the load fails.
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
            throw CommandFailure("the load wrote unexpected JSON: \(error)")
        }
    }

    private static func pinning(to processor: Int?) -> [String] { processor.map { ["--cpu", "\($0)"] } ?? [] }

    /// Returns the configuration of a process that runs this executable, even if its file has been replaced.
    ///
    /// The process is in a group of its own, so that ctrl-C reaches only the benchmark, which then ends its processes
    /// itself. A process that an error leaves behind is killed.
    private static func configuration(_ arguments: [String]) -> Configuration {
        var options = PlatformOptions()
        options.processGroupID = 0
        return Configuration(
            executable: .path("/proc/self/exe"),
            arguments: Arguments(executablePathOverride: "reactor", remainingValues: arguments),
            platformOptions: options)
    }
}
