// `reactor models compare`: measures all models under the same load.

import ArgumentParser
import Reactor
import ServerModels

struct ModelsCompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Measure all models under the same load, and explain the results.",
        discussion: """
            Starts a fresh server process for each sample on one processor; the load comes from another process on \
            another processor. Measures messages per second with their latency and CPU time, short connections per \
            second, the number of clients served at once with their memory, threads and processes, and how long a \
            client waits for its reply while others stall. Every figure is measured; none is derived from another \
            model.

            EXAMPLES
              reactor models compare --quick
              reactor models compare --models fork,thread,epoll-lt --json result.json

            It takes about two minutes, or less than half a minute with --quick. Exit status: 0, 1 when a sample \
            failed, 64 for an invalid command line. ctrl-C ends it together with the processes that it started.
            """)

    @Flag(help: "Run one round of short samples, in less than half a minute.")
    var quick = false

    @Option(
        help: ArgumentHelp("Models to compare, of \(ModelArgument.names). (default: all)", valueName: "list"),
        transform: { try BenchTableCommand.list($0, of: ModelArgument.parse) })
    var models: [ServerModel]?

    @Flag(help: "Compare the models that serve datagrams, over UDP; messages only.")
    var udp = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Connections that exchange messages. (default: 64)", valueName: "n"),
        transform: CountArgument.parse)
    var connections: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Connections to open to see how many are served at once. (default: 1000; with --quick 200)",
            valueName: "n"),
        transform: CountArgument.parse)
    var held: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Samples per model. (default: 3; with --quick 1)", valueName: "n"),
        transform: CountArgument.parse)
    var rounds: Int?

    @Option(
        help: ArgumentHelp("Duration of a sample. (default: 1s; with --quick 250ms)", valueName: "time"),
        transform: DurationArgument.required)
    var duration: Duration?

    @Option(
        help: ArgumentHelp("Write the figures of all rounds as JSON; '-' is standard output.", valueName: "file"))
    var json: String?

    @Flag(help: "Print a line per sample to standard error.")
    var verbose = false

    /// The largest number of connections: model fork needs a process for each.
    private static let mostConnections = 4_000

    func validate() throws {
        if udp, let model = models?.first(where: { !$0.servesDatagrams }) {
            throw ValidationError("--udp has no connections, and model \(model) needs them; leave it out")
        }
        if udp && held != nil { throw ValidationError("--udp has no connections to hold; leave --held out") }
        for (name, value) in [("--connections", connections), ("--held", held)] {
            if let value, value > Self.mostConnections {
                throw ValidationError(
                    "\(name) is \(value), and model fork needs a process for each; use at most \(Self.mostConnections)")
            }
        }
        if let rounds, rounds > 100 { throw ValidationError("--rounds is \(rounds); use 1 to 100") }
        if let duration, !(.milliseconds(10) ... .seconds(60) ~= duration) {
            throw ValidationError("--duration is out of range for a sample; use 10ms to 60s")
        }
    }

    func run() throws {
        let output = try json.map(JSONOutput.init)
        let plan = makePlan()
        DescriptorLimit.raise(to: max(plan.held, plan.connections) + 2 * BenchPlan.descriptorReserve)
        let machine = BenchMachine.current()
        let isForPeople = json != "-"
        if isForPeople {
            StandardOutput.print(CompareTable.facts(plan, on: machine) + "\n")
        }
        let isVerbose = verbose
        let report = try MainThread.run {
            let progress = BenchProgress(isVerbose: isVerbose)
            defer { progress.clear() }
            return try await CompareRunner(plan, on: machine, progress).run()
        }
        if isForPeople { StandardOutput.print(CompareTable.text(of: report)) }
        try output?.write(report)
        if let first = report.failures.first {
            throw CommandFailure("\(report.failures.count) of \(plan.steps) samples failed; the first: \(first)")
        }
        if report.models.allSatisfy({ $0.rounds.isEmpty && $0.shortConnections.isEmpty }) {
            let note = report.models.first?.note ?? "no model served a connection"
            throw CommandFailure("nothing was measured: \(note)")
        }
    }

    /// Returns the plan for these options.
    func makePlan() -> ComparePlan {
        var plan = quick ? ComparePlan.quick : ComparePlan()
        plan.isDatagram = udp
        if udp { plan.models.removeAll { !$0.servesDatagrams } }
        if let models { plan.models = models }
        if let connections { plan.connections = connections }
        if let held { plan.held = held }
        if let rounds { plan.rounds = rounds }
        if let duration { plan.duration = duration }
        // Longer or more samples than by default get a longer time limit.
        let samples = Double(2 * plan.rounds * plan.models.count)
        plan.patience = max(plan.patience, plan.duration * (samples * 2))
        if quick && rounds == nil && duration == nil { plan.patience = ComparePlan.quick.patience }
        return plan
    }
}
