// `reactor load` against a real server.

import FoundationEssentials
import Glibc
import Subprocess
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct LoadCommandTests {
    struct Report: Decodable {
        let messages, bytes, unanswered, connections, connectionsMade, connectionsLeft: Int
        let errors: [String: Int]
    }

    @Test(arguments: EchoCommandTests.backends)
    func verifiesWhatComesBack(_ backend: String) async throws {
        _ = try await RunningServer.run(["--backend", backend]) { server in
            let outcome = try await Program.run(
                "load", server.address, "--connections", "8", "--size", "1000", "--messages", "500", "--json", "-")
            #expect(outcome.status == .exited(0))
            #expect(outcome.error == "")
            let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
            #expect(report.messages == 500)
            #expect(report.bytes == 500_000)
            #expect(report.unanswered == 0)
            #expect(report.connectionsMade == 8 && report.connectionsLeft == 8)
            #expect(report.errors.values.allSatisfy { $0 == 0 })
        }
    }

    @Test func takesCapitalsForAnEcho() async throws {
        _ = try await RunningServer.run(["--upper"]) { server in
            let outcome = try await Program.run("load", server.address, "--messages", "100")
            #expect(outcome.status == .exited(0))
        }
    }

    /// A server that dies, or that no longer answers, leaves no figures that anybody may trust.
    @Test(arguments: [
        ("echo", Signal.kill, "connections were lost"), ("idle", .kill, "connections were lost"),
        ("churn", .kill, "the server was gone at the end"), ("datagrams", .kill, "all 4 connections were lost"),
        ("echo", .suspend, "the server did not respond at the end"),
    ]) func failsWhenTheServerIsGone(_ mode: String, _ signal: Signal, _ words: String) async throws {
        let options = mode == "datagrams" ? ["--udp"] : []
        _ = try await RunningServer.run(options, endedBy: .kill) { server in
            let process = server.process
            // The load is under way when the server has more descriptors, or works for datagrams.
            let (descriptors, time) = (process.descriptorCount() ?? 0, process.cpuTime() ?? 0)
            async let loaded = Program.run(
                "load", server.address, "--mode", mode, "--connections", "4", "--duration", "2s")
            try await eventually {
                let isConnected = process.descriptorCount() ?? 0 >= descriptors + 4
                let isWorking = process.cpuTime() ?? 0 > time + 20_000_000
                return mode == "idle" ? isConnected : isWorking && (isConnected || mode != "echo")
            }
            kill(process.number, signal.rawValue)
            let outcome = try await loaded
            #expect(outcome.status == .exited(1))
            #expect(outcome.errorLines.count == 1 && outcome.error.contains(words), "\(outcome.error)")
        }
    }

    /// A message that is due at the beginning is sent, and the one that would be due after the end is not waited for.
    @Test func aLowRateEndsInTime() async throws {
        _ = try await RunningServer.run { server in
            let outcome = try await Program.run(
                "load", server.address, "--rate", "0.001", "--duration", "50ms", "--connections", "1")
            #expect(outcome.status == .exited(0) && outcome.error == "")
            #expect(outcome.output.contains("0.001 messages/s intended"))
            #expect(outcome.output.contains("messages     1 in 0."), "\(outcome.output)")
        }
    }

    @Test func failsWithoutAListener() async throws {
        // A port that was somebody's a moment ago.
        var address = ""
        let (stream, continuation) = AsyncStream<String>.makeStream()
        _ = try await RunningServer.run { continuation.yield($0.address) }
        continuation.finish()
        for await closed in stream { address = closed }
        let outcome = try await Program.run("load", address, "--duration", "1s")
        #expect(outcome.status == .exited(1))
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.error.contains("refused"))
    }
}
