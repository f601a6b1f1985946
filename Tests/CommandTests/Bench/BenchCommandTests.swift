// `reactor bench` for real, with a load that is over in a moment.

import FoundationEssentials
import Subprocess
import Testing

@Suite(.timeLimit(.minutes(20))) struct BenchCommandTests {
    struct Report: Decodable {
        struct Cell: Decodable {
            struct Figures: Decodable {
                let messages: Int
                let serverCPUMicrosecondsPerMessage: Double
            }
            let backend: String
            let connections, idleConnections: Int
            let rounds: [Figures]
            let note: String?
        }
        let cells: [Cell]
        let failures: [String]
    }

    @Test func measuresEachBackEndInEachScenario() async throws {
        let outcome = try await Program.run(
            "bench", "--duration", "100ms", "--rounds", "2", "--scenarios", "2+20,1+1100", "--backends",
            "select,epoll-lt", "--json", "-")
        #expect(outcome.status == .exited(0), "\(outcome.error)")
        #expect(outcome.error == "")
        let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
        #expect(report.failures == [])
        #expect(report.cells.map(\.backend) == ["select", "epoll-lt", "select", "epoll-lt"])
        #expect(report.cells.map(\.idleConnections) == [20, 20, 1_100, 1_100])
        #expect(report.cells.map(\.rounds.count) == [2, 2, 0, 2])
        #expect(report.cells[2].note == "limited to 1,024 descriptors")
        for figures in report.cells.flatMap(\.rounds) {
            #expect(figures.messages > 0)
            #expect(0.1...10_000 ~= figures.serverCPUMicrosecondsPerMessage)
        }
    }

    @Test func printsFactsAndTable() async throws {
        let outcome = try await Program.run(
            "bench", "--duration", "50ms", "--rounds", "1", "--scenarios", "1", "--verbose")
        #expect(outcome.status == .exited(0), "\(outcome.error)")
        #expect(outcome.output.contains("machine "))
        #expect(outcome.output.contains("server CPU\n1 connection\n  select "))
        #expect(outcome.errorLines.count == 4)
    }

    @Test func endsItsProcessesWhenInterrupted() async throws {
        let arguments = ["bench", "--duration", "19s", "--rounds", "1", "--scenarios", "1+100", "--verbose"]
        let result = try await Program.bounded {
            try await Subprocess.run(
                Program.reactor, arguments: Arguments(arguments), input: .none, output: .sequence, error: .discarded
            ) { execution in
                // A server, the silent connections, and a load.
                var children: [Substring] = []
                try await eventually {
                    children = Self.children(of: execution.processIdentifier.value)
                    return children.count == 3
                }
                try execution.send(signal: .interrupt)
                for try await _ in execution.standardOutput {}
                return children
            }
        }
        #expect(result.terminationStatus == .exited(130))
        for child in result.closureResult { #expect(!FileManager.default.fileExists(atPath: "/proc/\(child)")) }
    }

    /// The numbers of a process's children, of all its threads (proc(5)).
    private static func children(of process: CInt) -> [Substring] {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
        return threads.flatMap { thread in
            let path = "/proc/\(process)/task/\(thread)/children"
            return ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: " ")
        }
    }
}
