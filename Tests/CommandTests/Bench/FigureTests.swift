// Figures as data, as text and as drawings, without measuring anything.

import FoundationEssentials
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct FigureTests {
    private static let figure = Figure(
        title: "a < b", xTitle: "connections", yTitle: "us",
        panels: [
            FigurePanel(
                title: "1 \"active\"",
                lines: [
                    FigureLine(
                        name: "poll",
                        points: [FigurePoint(x: 1, values: [2, 1, 4]), FigurePoint(x: 1000, values: [8])]),
                    FigureLine(
                        name: "C poll", yardstickOf: "poll", points: [FigurePoint(x: 1000, values: [0.5])]),
                ],
                marks: [FigureMark(x: 1024, text: "ends")])
        ], notes: ["a note"])

    @Test func pointsKnowTheirSpread() {
        let point = FigurePoint(x: 1, values: [1.1, 0.9, 1])
        #expect(point.median == 1 && point.least == 0.9 && point.most == 1.1)
        #expect(!FigurePoint(x: 1, values: [0.95, 1, 1.1]).isUnsteady)
        #expect(FigurePoint(x: 1, values: [0.9, 1, 1.2]).isUnsteady)
    }

    @Test func axesSpanTheirValues() {
        let scale = ChartScale(spanning: [1, 0, 19_000], from: 0, to: 100)
        #expect(scale.least < 1 && scale.most > 19_000)
        #expect(scale.ticks.filter(\.isLabelled).map(\.value) == [1, 10, 100, 1_000, 10_000])
        #expect(scale.place(of: 1) < scale.place(of: 10))
        #expect(0..<100 ~= scale.place(of: 19_000))
        let narrow = ChartScale(spanning: [3, 4], from: 0, to: 100)
        #expect(narrow.ticks.contains { $0.value == 5 && $0.isLabelled })
        #expect(ChartScale(spanning: [], from: 0, to: 1).place(of: 5).isFinite)
        #expect([0.05, 0.5, 1, 20, 1_000].map(ChartScale.label) == ["0.05", "0.5", "1", "20", "1,000"])
    }

    @Test func separatedValues() {
        let lines: [Substring] = FigureText.csv(Self.figure).split(whereSeparator: \.isNewline)
        #expect(lines.first == "panel,line,connections,median,least,most,samples")
        #expect(lines.dropFirst().first == "\"1 \"\"active\"\"\",poll,1,2,1,4,3")
        #expect(lines.last == "\"1 \"\"active\"\"\",C poll,1000,0.5000,0.5000,0.5000,1")
    }

    @Test func tables() {
        #expect(
            FigureText.markdown(Self.figure).contains(
                "| connections | poll | C poll |\n|---:|---:|---:|\n| 1 | 2.00* | - |\n| 1,000 | 8.00 | 0.50 |"))
        let narrow = FigureText.columns(Self.figure, width: 22)
        let rows: [Substring] = narrow.split(whereSeparator: \.isNewline)
        #expect(rows.dropFirst().allSatisfy { $0.count <= 22 })
        #expect(narrow.contains("C poll"))
    }

    @Test func drawingsAreWellFormed() throws {
        for document in [
            ChartSVG.document(Self.figure), ChartSVG.document([Self.figure, Self.figure]),
            ChartSVG.document(Figure(title: "", xTitle: "", yTitle: "", panels: [], notes: [])),
        ] {
            #expect(Self.isWellFormed(document))
        }
        let drawing = ChartSVG.document(Self.figure)
        #expect(drawing.contains("a &lt; b") && !drawing.contains("a < b"))
        #expect(drawing.contains("class=\"whisker\"") && drawing.contains("yardstick"))
        #expect(drawing.contains("prefers-color-scheme:dark"))
    }

    @Test func thePageNeedsNothingElse() {
        var report = FigureReport(command: "curve", on: Self.machine)
        report.figures = [Self.figure]
        report.findings = ["poll > epoll"]
        let page = FigurePage.document(report)
        #expect(page.contains("<svg") && page.contains("poll &gt; epoll") && page.contains("AMD"))
        #expect(!page.contains("http://") || !page.contains("src="))
        #expect(!page.contains("<script") && !page.contains("<link"))
    }

    /// Whether every element is closed in the right order.
    private static func isWellFormed(_ document: String) -> Bool {
        var open: [String] = []
        for part in document.split(separator: "<").dropFirst(document.hasPrefix("<") ? 0 : 1) {
            let tag = part.prefix { $0 != ">" }
            let name = String(tag.prefix { !$0.isWhitespace && $0 != "/" || $0 == "/" && tag.first == "/" })
            if tag.hasPrefix("/") {
                guard open.popLast() == String(name.dropFirst()) else { return false }
            } else if !tag.hasSuffix("/") {
                open.append(name)
            }
        }
        return open.isEmpty
    }

    static let machine = BenchMachine(
        processors: [0, 1], processorName: "AMD", kernel: "6.1", descriptors: 20_000, loadAverage: 0)
}

@Suite(.timeLimit(.minutes(20))) struct CurvePlanTests {
    @Test func steps() {
        #expect(CurvePlan.steps(within: 2_000).last == 1_000)
        #expect(CurvePlan.steps(within: 20_000).suffix(4) == [2_000, 5_000, 10_000, 19_000])
        #expect(CurvePlan.steps(within: 40).allSatisfy { $0 <= 8 })
        #expect(CurvePlan.steps(within: 10).isEmpty)
        #expect(DispatchPlan.pairs(within: 1_024) == [64, 128, 256])
        #expect(DispatchPlan.pairs(within: 100).isEmpty)
    }

    @Test func scenarios() {
        let plan = CurvePlan(connections: [10, 500])
        #expect(plan.scenario(0, 10) == BenchScenario(active: 1, idle: 9))
        #expect(plan.scenario(1, 10) == nil)
        #expect(plan.scenario(2, 10) == BenchScenario(active: 10))
        #expect(plan.samples == (2 + 3) * 4 * 3)
        #expect(plan.figure.panels.allSatisfy { $0.marks.isEmpty })
        #expect(CurvePlan(connections: [5_000]).figure.panels.allSatisfy { !$0.marks.isEmpty })
    }

    @Test func theProcessorsOfOthers() throws {
        let start = ContinuousClock.now
        let before = try #require(ProcessorUse("cpu  100 0 50 900 5 1 2 3 0 0\ncpu0 1\n", at: start))
        let after = try #require(
            ProcessorUse("cpu  180 0 90 950 5 1 2 3 0 0\n", at: start.advanced(by: .seconds(1))))
        // 120 ticks of 10 ms in one second; the measured processes used 0.9 of them.
        #expect(abs(after.others(since: before, own: 900_000_000) - 0.3) < 1e-9)
        #expect(after.others(since: before, own: 5_000_000_000) == 0)
        for text in ["", "cpu 1 2", "intr 1 2 3 4 5 6 7 8 9", "cpu a b c d e f g h"] {
            #expect(ProcessorUse(text, at: start) == nil)
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct BenchComparisonTests {
    private static func results(_ values: [Double], _ name: String = "poll") throws -> BenchResults {
        var report = FigureReport(command: "curve", on: FigureTests.machine)
        let line = FigureLine(name: name, points: [FigurePoint(x: 10, values: values)])
        report.figures = [
            Figure(
                title: "t", xTitle: "connections", yTitle: "us", panels: [FigurePanel(title: "p", lines: [line])],
                notes: [])
        ]
        return try BenchResults(JSONEncoder().encode(report), name: "x.json")
    }

    @Test(
        arguments: [
            ([1, 1.1], [1.05, 1.15], BenchComparison.Verdict.same), ([1, 1.1], [1.2, 1.25], .slower),
            ([1.2, 1.3], [1, 1.1], .faster), ([1, 2], [5, 5], .unsteady),
        ])
    func verdicts(_ old: [Double], _ new: [Double], _ verdict: BenchComparison.Verdict) throws {
        let comparison = BenchComparison(try Self.results(old), try Self.results(new))
        #expect(comparison.rows.map(\.verdict) == [verdict])
    }

    @Test func placesOfOneResultOnly() throws {
        let comparison = BenchComparison(try Self.results([1]), try Self.results([1], "epoll-lt"))
        #expect(comparison.rows.isEmpty && comparison.onlyOld.count == 1 && comparison.onlyNew.count == 1)
    }

    @Test(arguments: ["", "{}", "[]", "{\"cells\": 3}", "{\"format\":1}"])
    func whatIsNoResult(_ text: String) {
        #expect(throws: CommandFailure.self) { try BenchResults(Data(text.utf8), name: "x") }
    }
}
