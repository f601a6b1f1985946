// The built executable as a user starts it. Every process is bounded in time, and killed when its time is over.

import Glibc
import Subprocess
import SystemPackage
import Testing

/// The executable `reactor`, and other programs.
enum Program {
    /// What became of a process.
    struct Outcome: Sendable {
        let status: TerminationStatus
        let output: String
        /// Without the reports that a callback took long: on a busy machine every one may.
        let error: String

        init(status: TerminationStatus, output: String, error: String) {
            self.status = status
            self.output = output
            let lines = error.split(separator: "\n", omittingEmptySubsequences: false)
            self.error = lines.filter { !$0.contains(" kept the loop waiting for ") }.joined(separator: "\n")
        }

        /// The lines of standard error.
        var errorLines: [Substring] { error.split(whereSeparator: \.isNewline) }
    }

    /// A process took too long, and was killed.
    struct TookTooLong: Error {}

    /// Long, because a process may have to wait for its turn behind all other tests; what hangs is found all the same.
    static let patience = Duration.seconds(600)
    static let outputLimit = 1 << 20

    /// `reactor`, which is built beside the bundle of the tests.
    static let reactor: Executable = {
        // A program that ends before it has read its input must not end the tests. A handler, because programs would
        // inherit that the signal is ignored.
        signal(SIGPIPE) { _ in }
        for line in ProcessMaps.lines() where line.hasSuffix(".xctest") {
            guard let start = line.firstIndex(of: "/"), let end = line.lastIndex(of: "/") else { continue }
            return .path(FilePath("\(line[start...end])reactor"))
        }
        return .name("reactor")
    }()

    /// `reactor` with arguments, in a network namespace if there is one: ip(8) becomes the program then.
    static func reactor(_ arguments: [String], in namespace: String?) async throws -> (Executable, [String]) {
        guard let namespace else { return (reactor, arguments) }
        let path = try await reactor.resolveExecutablePath(in: .inherit).string
        return (.name("ip"), ["netns", "exec", namespace, path] + arguments)
    }

    /// Runs `reactor` in a network namespace to its end.
    static func run(in namespace: String, _ arguments: String...) async throws -> Outcome {
        let (executable, words) = try await reactor(arguments, in: namespace)
        return try await run(executable, words)
    }

    /// Whether there is a program of this name.
    static func isHere(_ name: String) async -> Bool {
        (try? await Executable.name(name).resolveExecutablePath(in: .inherit)) != nil
    }

    /// Runs `reactor` to its end.
    static func run(_ arguments: String...) async throws -> Outcome { try await run(reactor, arguments) }

    /// Runs a program to its end.
    static func run(_ executable: Executable, _ arguments: [String]) async throws -> Outcome {
        try await bounded {
            let result = try await Subprocess.run(
                executable, arguments: Arguments(arguments), output: .string(limit: outputLimit),
                error: .string(limit: outputLimit))
            return Outcome(
                status: result.terminationStatus, output: result.standardOutput, error: result.standardError)
        }
    }

    /// Waits for work no longer than ``patience``: it is cancelled then, which kills the processes it has started.
    static func bounded<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: patience)
                throw TookTooLong()
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw TookTooLong() }
            return value
        }
    }
}
