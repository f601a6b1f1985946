// A server in a process of its own, for the time of a test.

import Subprocess
import Testing

@testable import ReactorCommand

/// A server that listens.
struct RunningServer: Sendable {
    /// What it printed first.
    let firstLine: String
    /// Where it listens, as `127.0.0.1:40000`.
    let address: String
    /// What the kernel tells about it.
    let process: ProcessStatus

    var port: String { "\(address.split(separator: ":").last ?? "")" }

    /// Runs `reactor echo --listen 127.0.0.1:0`, or another command or at another place, and `body`, sends it a signal, and
    /// waits for its end.
    ///
    /// - Parameters:
    ///   - namespace: a network namespace to run it in; as root.
    ///   - descriptors: how many it may have (prlimit(1)).
    /// - Returns: What became of the server; its output is what came after the first line.
    static func run(
        command: [String] = ["echo"], _ arguments: [String] = [], at place: [String] = ["--listen", "127.0.0.1:0"],
        in namespace: String? = nil, descriptors: Int? = nil, endedBy signal: Signal = .terminate,
        _ body: @escaping @Sendable (RunningServer) async throws -> Void
    ) async throws -> Program.Outcome {
        try await Program.bounded {
            var (executable, words) = try await Program.reactor(command + place + arguments, in: namespace)
            if let descriptors {
                let path = try await executable.resolveExecutablePath(in: .inherit).string
                (executable, words) = (.name("prlimit"), ["--nofile=\(descriptors)", path] + words)
            }
            let result = try await Subprocess.run(
                executable, arguments: Arguments(words), input: .none, output: .sequence,
                error: .string(limit: Program.outputLimit)
            ) { execution in
                var lines = execution.standardOutput.strings().makeAsyncIterator()
                let first = try #require(try await lines.next())
                let words = first.split(separator: " ")
                let address = try #require(words.count > 2 ? String(words[2]) : nil)
                let process = ProcessStatus(number: execution.processIdentifier.value)
                try await body(RunningServer(firstLine: first, address: address, process: process))
                try execution.send(signal: signal)
                var rest: [String] = []
                while let line = try await lines.next() { rest.append(line) }
                return rest.joined(separator: "\n")
            }
            return Program.Outcome(
                status: result.terminationStatus, output: result.closureResult, error: result.standardError)
        }
    }
}
