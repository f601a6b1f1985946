// `reactor load` against a real server.

import FoundationEssentials
import Subprocess
import Testing

@Suite struct LoadCommandTests {
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

    @Test func failsWhereNobodyListens() async throws {
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
