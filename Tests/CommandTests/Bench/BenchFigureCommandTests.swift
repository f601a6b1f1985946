// `reactor bench curve`, `dispatch` and `report` for real, with as little to measure as possible.

import FoundationEssentials
import Subprocess
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct BenchFigureCommandTests {
    @Test func dispatchMeasuresEveryMethod() async throws {
        let outcome = try await Program.run(
            "bench", "dispatch", "--quick", "--max-pairs", "64", "--writes", "20", "--json", "-")
        #expect(outcome.status == .exited(0), "\(outcome.error)")
        let report = try JSONDecoder().decode(FigureReport.self, from: Data(outcome.output.utf8))
        #expect(report.failures == [] && report.figures.count == 2 && !report.findings.isEmpty)
        for figure in report.figures {
            #expect(
                figure.panels.map { $0.lines.map(\.points.count) } == [1, 0, 1].map { Array(repeating: $0, count: 8) })
        }
        for (loop, total) in zip(report.figures[0].points, report.figures[1].points) {
            #expect(loop.point.median > 0 && total.point.median >= loop.point.median)
        }
    }

    @Test func curveMeasuresEveryBackEnd() async throws {
        let outcome = try await Program.run(
            "bench", "curve", "--quick", "--connections", "1,4", "--duration", "20ms", "--backends", "poll,epoll-lt",
            "--json", "-")
        #expect(outcome.status == .exited(0), "\(outcome.error)")
        let report = try JSONDecoder().decode(FigureReport.self, from: Data(outcome.output.utf8))
        let figure = try #require(report.figures.first)
        #expect(figure.panels.map(\.title) == ["1 active", "100 active", "all active"])
        #expect(figure.panels[0].lines.map { $0.points.map(\.x) } == [[1, 4], [1, 4]])
        #expect(figure.panels[1].lines.allSatisfy { $0.points.isEmpty })
        #expect(figure.points.allSatisfy { 0.1...100_000 ~= $0.point.median })
    }

    @Test func anOutputThatCannotBeWrittenIsFoundFirst() async throws {
        for arguments in [["--svg", "/nowhere/x.svg"], ["--html", "/"], ["--csv", "/nowhere/x"]] {
            let outcome = try await Program.run("bench", "curve", arguments[0], arguments[1])
            #expect(outcome.status == .exited(1))
            #expect(outcome.errorLines.count == 1 && outcome.error.contains("cannot write \(arguments[1])"))
        }
    }

    @Test func reportNeedsTwoResults() async throws {
        let outcome = try await Program.run("bench", "report", "/nowhere/a.json", "/nowhere/b.json")
        #expect(outcome.status == .exited(1))
        #expect(outcome.error == "reactor: cannot read /nowhere/a.json: no such file, or no permission\n")
    }
}
