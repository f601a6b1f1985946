// `reactor models`, tried as a user would: each model answers, and nothing of it is left when it has ended.

import FoundationEssentials
import Glibc
import ServerModels
import Subprocess
import Synchronization
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct ModelsCommandTests {
    static let names = ServerModel.all.map(\.description)
    private static func run(
        _ command: [String], endedBy signal: Signal = .terminate,
        _ body: @escaping @Sendable (RunningServer) async throws -> Void
    ) async throws -> Program.Outcome {
        try await Gate.ofProcesses.pass { try await RunningServer.run(command: command, endedBy: signal, body) }
    }

    static let datagramNames = ServerModel.all.filter(\.servesDatagrams).map(\.description)

    /// A client's messages are longer than any socket buffer's free space: the server has to write in parts.
    @Test(arguments: names) func echoesEveryByte(_ model: String) async throws {
        let outcome = try await Self.run(["models", "--model", model]) { server in
            #expect(server.firstLine.contains("(model \(model): "))
            let clients = model == "iterative" ? "1" : "4"
            let load = try await Program.run(
                "load", server.address, "--connections", clients, "--messages", "8", "--size", "300000")
            #expect(load.status == .exited(0), "\(load.error)")
            #expect(load.output.contains("errors       none"), "\(load.output)")
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output == "ended; no processes or connections are left")
        #expect(outcome.error == "")
    }

    /// Asked to end while a client is connected and silent.
    @Test(arguments: names.map { ($0, Signal.terminate) } + ["iterative", "fork", "prefork"].map { ($0, .interrupt) })
    func endsWithAllOfItsProcesses(_ model: String, _ signal: Signal) async throws {
        let processes = try await Self.endWithASilentClient(model, signal)
        #expect(processes.count == ["fork": 2, "prefork": 9][model, default: 1])
        for process in processes { #expect(!FileManager.default.fileExists(atPath: "/proc/\(process)")) }
    }

    /// What cannot be caught ends the children as well: the kernel sees to it.
    @Test(arguments: ["fork", "prefork"]) func noChildOutlivesAParentThatIsKilled(_ model: String) async throws {
        let processes = try await Self.endWithASilentClient(model, .kill)
        #expect(processes.count > 1)
        try await eventually {
            processes.dropFirst().allSatisfy { !ProcessStatus(number: $0).isRunning }
        }
    }

    /// Runs a model with a client that says nothing, and ends it by a signal.
    ///
    /// - Returns: The processes that there were, its own first.
    private static func endWithASilentClient(_ model: String, _ signal: Signal) async throws -> [Int32] {
        // Both outlive the body: the client is connected while the server ends.
        let held = Mutex<SilentClient?>(nil)
        let found = Mutex<[Int32]>([])
        let outcome = try await Self.run(["models", "--model", model], endedBy: signal) { server in
            let tree = ProcessTree(root: server.process)
            let count = ["fork": 2, "prefork": 9][model, default: 1]
            let client = try SilentClient(to: server.address)
            held.withLock { $0 = client }
            try await eventually { tree.count >= count }
            found.withLock { $0 = tree.processes() }
        }
        if signal != .kill { #expect(outcome.status == .exited(0)) }
        held.withLock { $0 = nil }
        return found.withLock { $0 }
    }

    @Test func forkLeavesNoZombies() async throws {
        _ = try await Self.run(["models", "--model", "fork"]) { server in
            let load = try await Program.run(
                "load", server.address, "--mode", "churn", "--connections", "4", "--messages", "40")
            #expect(load.status == .exited(0), "\(load.error)")
            // A zombie is a child, too.
            try await eventually { ProcessTree(root: server.process).count == 1 }
        }
    }

    @Test func preforkReplacesAWorkerThatDied() async throws {
        _ = try await Self.run(["models", "--model", "prefork", "--workers", "2"]) { server in
            let tree = ProcessTree(root: server.process)
            try await eventually { tree.count == 3 }
            let before = Set(tree.processes())
            let victim = try #require(before.first { $0 != server.process.number })
            kill(victim, SIGKILL)
            try await eventually { tree.count == 3 && Set(tree.processes()) != before }
            let load = try await Program.run("load", server.address, "--messages", "4", "--connections", "2")
            #expect(load.status == .exited(0), "\(load.error)")
        }
    }

    /// Not more processes than were asked for: the third client is served when the first has left.
    @Test func forkIsBounded() async throws {
        _ = try await Self.run(["models", "--model", "fork", "--max-connections", "2"]) { server in
            let tree = ProcessTree(root: server.process)
            let load = try await Program.run(
                "load", server.address, "--mode", "churn", "--connections", "8", "--messages", "16")
            #expect(load.status == .exited(0), "\(load.error)")
            #expect(tree.count <= 3)
        }
    }

    @Test(arguments: ["iterative", "prefork", "thread", "epoll-et", "reactor"])
    func endsWithItsInput(_ model: String) async throws {
        let outcome = try await Program.run(
            "models", "--model", model, "--listen", "127.0.0.1:0", "--end-with-input")
        #expect(outcome.status == .exited(0))
    }

    @Test(arguments: datagramNames) func servesDatagrams(_ model: String) async throws {
        let outcome = try await Self.run(["models", "--udp", "--model", model]) { server in
            for count in [0, 5, 65_507] {
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
                let answer = try DatagramQuestion.ask(server.address, bytes)
                let isSame = answer == bytes
                #expect(isSame, "\(count) bytes")
            }
        }
        #expect(outcome.status == .exited(0))
    }

    @Test func tracesTheReactorInOneFile() async throws {
        let outcome = try await Self.run(["models", "--model", "epoll-et", "--trace"]) { server in
            _ = try await Program.run("load", server.address, "--messages", "1", "--connections", "1")
        }
        #expect(outcome.error.contains("epoll_wait("))
        #expect(outcome.error.contains("edge-triggered"))
    }

    @Test func listsEveryModelWithItsSentence() async throws {
        let outcome = try await Program.run("models", "list")
        for model in ServerModel.all { #expect(outcome.output.contains(model.explanation)) }
    }
}
