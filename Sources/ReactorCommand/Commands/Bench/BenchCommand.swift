// `reactor bench`: the selectors compared, each in processes of its own.

import ArgumentParser
import Reactor

/// Compares the back ends.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Compares the selectors: the same load on an echo server on each.",
        discussion: """
            Starts a server process for each selector, on one processor, and a load process on another; the same load runs \
            on all, interleaved and repeated, and one table says how each fared: messages a second, latency at p50, p99 \
            and p99.9, and the CPU time of the server a message, which is the steadiest of them. Every server is started \
            anew for every sample.

            A scenario is ACTIVE or ACTIVE+IDLE: so many connections that send one 64-byte message after another, \
            beside so many that are silent. Silent ones are what tells the selectors apart: select and poll look at every \
            one of them at every wait.

            Where a selector cannot be measured, its row says why. 10,000 idle connections need as many descriptors: the \
            soft limit is raised as far as the hard one allows ('ulimit -Hn').

            EXAMPLES
              reactor bench --quick
              reactor bench --json result.json
              reactor bench --backends poll,epoll-lt --scenarios 1+100,1+10000 --rounds 5

            It takes about three minutes, with --quick less than one. It ends with status 0, with 1 when a sample failed, \
            and with 64 when the command line makes no sense. Control-C ends it, and the processes that it started.
            """)

    @Flag(help: "Less than a minute: one round of short samples.")
    var quick = false

    @Option(
        help: ArgumentHelp(
            "Which to compare, of \(BackendArgument.names). (default: select,poll,epoll-lt,epoll-et)",
            valueName: "list"),
        transform: { try BenchCommand.list($0, of: BackendArgument.parse) })
    var backends: [Backend]?

    @Option(
        help: ArgumentHelp(
            "What to measure. (default: \(BenchScenario.all.map(\.description).joined(separator: ",")))",
            valueName: "list"),
        transform: { try BenchCommand.list($0, of: BenchScenario.init) })
    var scenarios: [BenchScenario]?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How often each is measured. (default: 3; with --quick 1)", valueName: "n"),
        transform: CountArgument.parse)
    var rounds: Int?

    @Option(
        help: ArgumentHelp("How long a sample takes. (default: 2s; with --quick 700ms)", valueName: "time"),
        transform: DurationArgument.required)
    var duration: Duration?

    @Option(
        help: ArgumentHelp("Writes all figures, of every round, as JSON; '-' is standard output.", valueName: "file"))
    var json: String?

    @Flag(help: "A line on standard error for each sample.")
    var verbose = false

    func validate() throws {
        if let rounds, rounds > 1000 { throw ValidationError("--rounds is \(rounds): use 1 to 1000") }
        if let duration, !(.milliseconds(10) ... .seconds(3600) ~= duration) {
            throw ValidationError("--duration is how long one sample takes: use 10ms to 1h")
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
            throw CommandFailure("nothing was measured: \(report.cells.first?.note ?? "there was nothing to measure")")
        }
    }

    func makePlan() -> BenchPlan {
        var plan = quick ? BenchPlan.quick : BenchPlan()
        if let backends { plan.backends = backends }
        if let scenarios { plan.scenarios = scenarios }
        if let rounds { plan.rounds = rounds }
        if let duration { plan.duration = duration }
        return plan
    }

    /// Parses a list with commas; what is named twice counts once.
    static func list<Element: Hashable>(_ text: String, of parse: (String) throws -> Element) throws -> [Element] {
        var elements: [Element] = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            let element = try parse(String(name))
            if !elements.contains(element) { elements.append(element) }
        }
        return elements
    }
}
