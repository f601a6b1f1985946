// `reactor models compare` for real, with loads that are over in a moment.

import FoundationEssentials
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct ModelsCompareTests {
    struct Report: Decodable {
        struct Model: Decodable {
            struct Look: Decodable {
                struct Usage: Decodable { let processes, threads, memoryKiB: Int }
                struct Stall: Decodable {
                    let kind: String
                    let stalled: Int
                    let responseMicroseconds: Double?
                }
                let servedAtOnce: Int
                let holding: Usage
                let restCPUPercent: Double
                let stalls: [Stall]
            }
            struct Figures: Decodable {
                let messages: Int
                let serverCPUMicrosecondsPerMessage: Double
            }
            struct Churn: Decodable { let connectionsPerSecond: Double }
            let model: String
            let look: Look?
            let connections: Int
            let rounds: [Figures]
            let shortConnections: [Churn]
        }
        let models: [Model]
        let failures: [String]
    }

    private func run(_ arguments: String...) async throws -> Program.Outcome {
        try await Gate.ofProcesses.pass {
            try await Program.run(Program.reactor, ["models", "compare", "--rounds", "1"] + arguments)
        }
    }

    @Test func measuresWhoIsServedBesideWhom() async throws {
        let outcome = try await run(
            "--models", "iterative,prefork,epoll-lt", "--held", "20", "--connections", "10", "--duration", "30ms",
            "--json", "-")
        #expect(outcome.status == .exited(0), "\(outcome.error)")
        #expect(outcome.error == "")
        let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
        #expect(report.failures == [])
        let looks = try report.models.map { try #require($0.look) }
        #expect(looks.map(\.servedAtOnce) == [1, 8, 20])
        #expect(looks.map(\.holding.processes) == [1, 9, 1])
        #expect(looks.map(\.holding.threads) == [1, 9, 1])
        #expect(report.models.map(\.connections) == [1, 8, 10])
        // One silent, sixteen silent, one who does not read.
        let answered = looks.map { look in look.stalls.map { $0.responseMicroseconds != nil } }
        #expect(answered == [[false, false, false], [true, false, true], [true, true, true]])
        for figures in report.models.flatMap(\.rounds) {
            #expect(figures.messages > 0 && figures.serverCPUMicrosecondsPerMessage > 0)
        }
        for churn in report.models.flatMap(\.shortConnections) { #expect(churn.connectionsPerSecond > 0) }
    }

    @Test func printsFactsTablesAndReasons() async throws {
        let outcome = try await run(
            "--models", "reactor", "--held", "3", "--duration", "20ms", "--verbose")
        #expect(outcome.status == .exited(0), "\(outcome.error)")
        #expect(outcome.output.contains("machine "))
        #expect(outcome.output.contains("CPU/message"))
        #expect(outcome.output.contains("idle CPU"))
        #expect(outcome.output.contains("Why:\n  reactor "))
        #expect(outcome.errorLines.count == 3)
    }

    @Test func comparesDatagramServers() async throws {
        let outcome = try await run(
            "--udp", "--models", "iterative,epoll-et", "--connections", "4",
            "--duration", "20ms", "--json", "-")
        #expect(outcome.status == .exited(0), "\(outcome.error)")
        let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
        #expect(report.models.map(\.connections) == [4, 4])
        for model in report.models { #expect((model.rounds.first?.messages ?? 0) > 0) }
    }
}
