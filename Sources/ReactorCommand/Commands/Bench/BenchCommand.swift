// `reactor bench`: compares the selectors, each in processes of its own.

import ArgumentParser
import Reactor

/// The benchmarks of the back ends; without a subcommand, the table.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Compare the selectors: a table, a curve, the classic figure.",
        subcommands: [
            BenchTableCommand.self, BenchCurveCommand.self, BenchDispatchCommand.self, BenchReportCommand.self,
        ],
        defaultSubcommand: BenchTableCommand.self)
}

/// The comparison of the back ends.
struct BenchTableCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "table",
        abstract: "Compare the selectors under the same load on an echo server.",
        discussion: """
            For every sample, starts a fresh server process on one processor and a load process on another. Samples \
            of all selectors are interleaved and repeated, and one table shows the medians: messages per second, \
            latency at p50, p99 and p99.9, and the server's CPU time per message, which is the most stable figure.

            A scenario is ACTIVE or ACTIVE+IDLE: the number of connections that each send one 64-byte message after \
            another, and the number of silent connections beside them. Idle connections separate the selectors: select \
            and poll examine all of them at every wait.

            If a selector cannot be measured, its row says why. 10,000 idle connections need as many descriptors: the \
            soft limit is raised as far as the hard limit allows ('ulimit -Hn').

            EXAMPLES
              reactor bench --quick
              reactor bench --json result.json
              reactor bench --backends poll,epoll-lt --scenarios 1+100,1+10000 --rounds 5

            It takes about three minutes, or less than one with --quick. Exit status: 0, 1 when a sample failed, 64 \
            for an invalid command line. ctrl-C ends it together with the processes that it started.
            """)

    @Flag(help: "Run one round of short samples, in less than a minute.")
    var quick = false

    @Option(
        help: ArgumentHelp(
            "Selectors to compare, of \(BackendArgument.names). (default: select,poll,epoll-lt,epoll-et)",
            valueName: "list"),
        transform: { try BenchTableCommand.list($0, of: BackendArgument.parse) })
    var backends: [Backend]?

    @Option(
        help: ArgumentHelp(
            "Scenarios to measure. (default: \(BenchScenario.all.map(\.description).joined(separator: ",")))",
            valueName: "list"),
        transform: { try BenchTableCommand.list($0, of: BenchScenario.init) })
    var scenarios: [BenchScenario]?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Samples per selector and scenario. (default: 3; with --quick 1)", valueName: "n"),
        transform: CountArgument.parse)
    var rounds: Int?

    @Option(
        help: ArgumentHelp("Duration of a sample. (default: 2s; with --quick 700ms)", valueName: "time"),
        transform: DurationArgument.required)
    var duration: Duration?

    @Option(
        help: ArgumentHelp("Write the figures of all rounds as JSON; '-' is standard output.", valueName: "file"))
    var json: String?

    @Flag(help: "Print a line per sample to standard error.")
    var verbose = false

    func validate() throws {
        if let rounds, rounds > 1000 { throw ValidationError("--rounds is \(rounds); use 1 to 1000") }
        if let duration, !(.milliseconds(10) ... .seconds(3600) ~= duration) {
            throw ValidationError("--duration is out of range for a sample; use 10ms to 1h")
        }
    }

    func run() throws {
        let output = try json.map(JSONOutput.init)
        let plan = makePlan()
        DescriptorLimit.raise(to: plan.descriptors)
        let machine = BenchMachine.current()
        let isForPeople = json != "-"
        if isForPeople {
            StandardOutput.print(BenchTable.facts(plan, on: machine) + "\n")
        }
        let isVerbose = verbose
        let report = try MainThread.run {
            let progress = BenchProgress(isVerbose: isVerbose)
            defer { progress.clear() }
            return try await BenchRunner(plan, on: machine, progress).run()
        }
        if isForPeople { StandardOutput.print(BenchTable.text(of: report.cells)) }
        try output?.write(report)
        if let first = report.failures.first {
            throw CommandFailure("\(report.failures.count) of \(plan.samples) samples failed; the first: \(first)")
        }
        if report.cells.allSatisfy({ $0.rounds.isEmpty }) {
            throw CommandFailure("nothing was measured: \(report.cells.first?.note ?? "no selector and no scenario")")
        }
    }

    /// Returns the plan for these options.
    func makePlan() -> BenchPlan {
        var plan = quick ? BenchPlan.quick : BenchPlan()
        if let backends { plan.backends = backends }
        if let scenarios { plan.scenarios = scenarios }
        if let rounds { plan.rounds = rounds }
        if let duration { plan.duration = duration }
        return plan
    }

    /// Parses a list separated by commas; duplicates count once.
    static func list<Element: Hashable>(_ text: String, of parse: (String) throws -> Element) throws -> [Element] {
        var elements: [Element] = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            let element = try parse(String(name))
            if !elements.contains(element) { elements.append(element) }
        }
        return elements
    }
}
