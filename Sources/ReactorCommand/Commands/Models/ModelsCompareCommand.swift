// `reactor models compare`: all models under the same load.

import ArgumentParser
import Reactor
import ServerModels

struct ModelsCompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Put the same load on all models, and say how each fares, and why.",
        discussion: """
            Each model is started anew for each sample, in a process of its own, on one processor; the load comes from \
            another process on another processor. Measured are messages a second with their latency and CPU time, short \
            connections a second, how many clients are served at once, what memory, threads and processes they take, and \
            whether a client is answered beside others that stall. All figures are measured; none is worked out from \
            another model's.

            EXAMPLES
              reactor models compare --quick
              reactor models compare --models fork,thread,epoll-lt --json result.json

            It takes about two minutes, with --quick less than half a minute. It ends with status 0, with 1 when a sample \
            failed, and with 64 when the command line makes no sense. Control-C ends it, and the processes that it started.
            """)

    @Flag(help: "Less than half a minute: one round of short samples.")
    var quick = false

    @Option(
        help: ArgumentHelp("Which to compare, of \(ModelArgument.names). (default: all)", valueName: "list"),
        transform: { try BenchCommand.list($0, of: ModelArgument.parse) })
    var models: [ServerModel]?

    @Flag(help: "The models that serve datagrams, over UDP; messages only.")
    var udp = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Connections that exchange messages. (default: 64)", valueName: "n"),
        transform: CountArgument.parse)
    var connections: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Connections that are opened to see how many are served at once. (default: 1000; with --quick 200)",
            valueName: "n"),
        transform: CountArgument.parse)
    var held: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How often each is measured. (default: 3; with --quick 1)", valueName: "n"),
        transform: CountArgument.parse)
    var rounds: Int?

    @Option(
        help: ArgumentHelp("How long a sample takes. (default: 1s; with --quick 250ms)", valueName: "time"),
        transform: DurationArgument.required)
    var duration: Duration?

    @Option(
        help: ArgumentHelp("Writes all figures, of every round, as JSON; '-' is standard output.", valueName: "file"))
    var json: String?

    @Flag(help: "A line on standard error for each sample.")
    var verbose = false

    /// select's numbers end there, and a process has to be had for each connection.
    private static let mostConnections = 4_000

    func validate() throws {
        if udp, let model = models?.first(where: { !$0.servesDatagrams }) {
            throw ValidationError("--udp has no connections, and model \(model) is one for them; leave it out")
        }
        if udp && held != nil { throw ValidationError("--udp has no connections that could be held: leave --held out") }
        for (name, value) in [("--connections", connections), ("--held", held)] {
            if let value, value > Self.mostConnections {
                throw ValidationError(
                    "\(name) is \(value), and each is a process for model fork: use at most \(Self.mostConnections)")
            }
        }
        if let rounds, rounds > 100 { throw ValidationError("--rounds is \(rounds): use 1 to 100") }
        if let duration, !(.milliseconds(10) ... .seconds(60) ~= duration) {
            throw ValidationError("--duration is how long one sample takes: use 10ms to 60s")
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

    func makePlan() -> ComparePlan {
        var plan = quick ? ComparePlan.quick : ComparePlan()
        plan.isDatagram = udp
        if udp { plan.models.removeAll { !$0.servesDatagrams } }
        if let models { plan.models = models }
        if let connections { plan.connections = connections }
        if let held { plan.held = held }
        if let rounds { plan.rounds = rounds }
        if let duration { plan.duration = duration }
        // Who asks for more than the default gets the time for it.
        let samples = Double(2 * plan.rounds * plan.models.count)
        plan.patience = max(plan.patience, plan.duration * (samples * 2))
        if quick && rounds == nil && duration == nil { plan.patience = ComparePlan.quick.patience }
        return plan
    }
}
