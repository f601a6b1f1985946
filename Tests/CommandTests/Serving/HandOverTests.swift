// A restart under load: the listening sockets go to a new process of the same program, and nobody who connects hears of
// it. Also what a process says to descriptors that it was started with and that are no sockets.

import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct HandOverTests {
    /// Three processes, one socket after the other, and connections all the while.
    @Test(arguments: [["--loops", "1"], ["--loops", "2"], ["--loops", "2", "--distribution", "round-robin"]])
    func noConnectFailsWhileTheSocketIsHandedOver(_ arguments: [String]) async throws {
        let lines = try await Self.run(["echo"], ["--listen", "127.0.0.1:0"] + arguments) { address, process, file in
            let report = try await Self.load(address) {
                for count in 1...2 {
                    try await Self.work(of: process)
                    process = try await Self.handOver(process, count, file)
                }
                try await Self.work(of: process)
            }
            #expect(report.errors.allSatisfy { $0.value == 0 }, "\(report.errors)")
            #expect(report.unanswered == 0)
        }
        let served = lines.filter { $0.hasPrefix("served ") }
        #expect(served.count == 3, "\(lines)")
        #expect(served.allSatisfy { !$0.hasPrefix("served 0 ") && $0.contains("(0 refused)") }, "\(served)")
        #expect(lines.filter { $0.hasPrefix("listening on ") }.count == 3)
    }

    /// A path is each one's in turn, and goes with the last.
    @Test(.enabled("there is no nc", isNetcatHere)) func aUnixSocketIsHandedOverWithItsPath() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "reactor-\(UUID().uuidString)").path
        let lines = try await Self.run(["echo"], ["--listen", "unix:\(path)"]) { _, process, file in
            process = try await Self.handOver(process, 1, file)
            _ = try await Self.line("served ", 1, in: file)
            let answer = try await Subprocess.run(
                .name("nc"), arguments: ["-N", "-U", path], input: .string("hello\n"),
                output: .string(limit: Program.outputLimit)
            ).standardOutput
            #expect(answer == "hello\n")
        }
        #expect(lines.last?.hasPrefix("served 1 connection") == true)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    /// Runs a server and `body` with its address, the process that serves, and the file that all processes print to; ends
    /// the process that serves then. Errors are in a file of the same name with `.errors` behind it.
    ///
    /// - Returns: What they have printed. In a file, because what a pipe brings ends with the first process.
    static func run(
        _ command: [String] = ["echo"], _ arguments: [String], program: String = reactorPath,
        _ body: @escaping @Sendable (String, inout ProcessStatus, String) async throws -> Void
    ) async throws -> [Substring] {
        let folder = FileManager.default.temporaryDirectory
        let file = folder.appending(path: "reactor-hand-over-\(UUID().uuidString)").path
        defer { for name in [file, file + ".errors"] { try? FileManager.default.removeItem(atPath: name) } }
        try await Program.bounded {
            let redirected = "exec \"$0\" \"$@\" >\(file) 2>\(file).errors"
            let server = ["-c", redirected, program] + command + arguments
            _ = try await Subprocess.run(
                .name("sh"), arguments: Arguments(server), input: .none, output: .discarded, error: .discarded
            ) { execution in
                var process = ProcessStatus(number: execution.processIdentifier.value)
                // Successors are nobody's children but each other's: whatever happens, the last one is not left.
                var isOver = false
                defer { if !isOver { kill(process.number, SIGKILL) } }
                let first = try await line("listening on ", 1, in: file)
                try await body(
                    try #require(first.split(separator: " ").dropFirst(2).first.map(String.init)), &process, file)
                kill(process.number, SIGTERM)
                try await eventually { !process.isRunning }
                isOver = true
            }
        }
        return lines(of: file)
    }

    /// Has a process hand over for the `count`th time; answers the one that serves now.
    static func handOver(_ process: ProcessStatus, _ count: Int, _ file: String) async throws -> ProcessStatus {
        kill(process.number, SIGUSR2)
        let line = try await line("handed over to process ", count, in: file)
        return ProcessStatus(number: try #require(line.split(separator: " ").last.flatMap { pid_t($0) }))
    }

    static func lines(of file: String) -> [Substring] {
        ((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").split(separator: "\n")
    }

    /// Waits until a file has so many lines that begin so; answers the last one of them.
    static func line(_ start: String, _ count: Int, in file: String) async throws -> Substring {
        var found: [Substring] = []
        try await eventually {
            found = lines(of: file).filter { $0.hasPrefix(start) }
            return found.count >= count
        }
        return found[count - 1]
    }

    /// A new version that does not work: the old one says so, and goes on.
    @Test(arguments: [("", "permission denied"), ("#!/bin/sh\nexit 3\n", "it ended before it was ready")])
    func aSuccessorThatDoesNotServeChangesNothing(_ version: String, _ reason: String) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "reactor-version-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = folder.appending(path: "reactor").path
        try FileManager.default.copyItem(atPath: Self.reactorPath, toPath: program)
        let outcome = try await Program.bounded {
            let result = try await Subprocess.run(
                .path(FilePath(program)), arguments: ["echo", "--listen", "127.0.0.1:0"], input: .none,
                output: .sequence,
                error: .sequence
            ) { execution in
                var output = execution.standardOutput.strings().makeAsyncIterator()
                var errors = execution.standardError.strings().makeAsyncIterator()
                let address = try #require(try await output.next()?.split(separator: " ").dropFirst(2).first)
                // Replaced as an installer does it, by another file of the same name.
                try FileManager.default.removeItem(atPath: program)
                try Data(version.utf8).write(to: folder.appending(path: "reactor"))
                try FileManager.default.setAttributes(
                    [.posixPermissions: version.isEmpty ? 0o600 : 0o700], ofItemAtPath: program)
                try execution.send(signal: .userDefinedTwo)
                // Starting a process takes a while on a busy machine, and the loop may well say so first.
                var error = try #require(try await errors.next())
                while error.contains(" kept the loop waiting for ") { error = try #require(try await errors.next()) }
                let load = try await Program.run("load", "\(address)", "--messages", "100")
                #expect(load.status == .exited(0))
                try execution.send(signal: .terminate)
                return (try #require(try await output.next()), error)
            }
            return (result.terminationStatus, result.closureResult.0, result.closureResult.1)
        }
        #expect(outcome.0 == .exited(0))
        #expect(outcome.1.hasPrefix("served "))
        #expect(outcome.2.hasPrefix("reactor: cannot hand over to process "), "\(outcome.2)")
        #expect(outcome.2.lowercased().contains("\(reason); this server keeps serving"), "\(outcome.2)")
    }

    /// Waits until a process has done some work.
    private static func work(of process: ProcessStatus) async throws {
        let start = try #require(process.cpuTime())
        try await eventually { try #require(process.cpuTime()) >= start + 30_000_000 }
    }

    /// Runs a load of short connections until `body` is done, at the lowest priority, because `body` may have to wait for
    /// other tests.
    private static func load(
        _ address: String, while body: () async throws -> Void
    ) async throws -> LoadCommandTests.Report {
        let program = try await Program.reactor.resolveExecutablePath(in: .inherit).string
        let text = try await Subprocess.run(
            .name("nice"),
            arguments: [
                "-n", "19", program, "load", address, "--mode", "churn", "--connections", "8", "--duration", "none",
                "--json", "-",
            ], input: .none, output: .sequence, error: .discarded
        ) { execution in
            try await body()
            try execution.send(signal: .interrupt)
            var text = ""
            for try await line in execution.standardOutput.strings() { text += line }
            return text
        }.closureResult
        return try JSONDecoder().decode(LoadCommandTests.Report.self, from: Data(text.utf8))
    }

    @Test(arguments: [
        ("LISTEN_FDS=1", "3</dev/null", ["descriptor 3", "socket operation on non-socket"]),
        ("LISTEN_FDS=1", "", ["descriptor 3", "bad file descriptor"]),
        ("LISTEN_FDS=+1", "", ["LISTEN_FDS=+1", "not a number from 0 to 1024"]),
        ("LISTEN_FDS=99999999", "", ["LISTEN_FDS=99999999", "not a number from 0 to 1024"]),
        ("LISTEN_FDS=2 LISTEN_FDNAMES=a:b:c", "", ["LISTEN_FDNAMES", "3 names for 2 sockets"]),
        ("LISTEN_FDS=0 REACTOR_READY_FD=77", "", ["REACTOR_READY_FD=77", "bad file descriptor"]),
    ])
    func whatIsNoListeningSocketIsRefusedInOneLine(_ variables: String, _ redirection: String, _ words: [String])
        async throws
    {
        let outcome = try await inherit(variables, redirection + " 4<&- ", "--listen 127.0.0.1:0")
        #expect(outcome.status == .exited(1))
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.error.hasPrefix("reactor: cannot take over "), "\(outcome.error)")
        for word in words { #expect(outcome.error.contains(word), "\(outcome.error)") }
    }

    /// What another process was meant to inherit is left alone.
    @Test func theEnvironmentOfAnotherProcessIsNotMeant() async throws {
        let outcome = try await Program.run(
            .name("sh"),
            [
                "-c", "LISTEN_PID=1 LISTEN_FDS=1 exec \"$0\" echo --listen 127.0.0.1:0 --end-with-input </dev/null",
                Self.reactorPath,
            ])
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.contains("served 0 connections"))
    }

    static var reactorPath: String { Program.reactor.description }

    /// Runs the echo server with variables that are meant for it.
    private func inherit(_ variables: String, _ redirection: String, _ arguments: String) async throws
        -> Program.Outcome
    {
        try await Program.run(
            .name("sh"),
            ["-c", "LISTEN_PID=$$ \(variables) exec \"$0\" echo \(arguments) \(redirection)", Self.reactorPath])
    }
}
