// `reactor bench dispatch`: the classic figure of libevent's and libev's pages.

import ArgumentParser
import Reactor

/// The cost of dispatching one event, against the number of watched descriptors.
struct BenchDispatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dispatch",
        abstract: "Measure what one event costs against the number of watched descriptors.",
        discussion: """
            The benchmark of libevent's and libev's pages: N socket pairs are watched, one byte is written to A of \
            them, and each callback reads its byte and writes one to the next pair, until W further bytes were \
            written. The time per event is taken without and with registering all descriptors again, on every \
            selector and in plain C with the same system calls, in this process.

            EXAMPLES
              reactor bench dispatch --quick
              reactor bench dispatch --html dispatch.html --json dispatch.json

            It takes four to five minutes, or ten seconds with --quick. ctrl-C ends it and keeps what was measured. \
            Exit status: 0, 1 when a sample failed, 64 for an invalid command line.
            """)

    @Flag(help: "One round, and up to 1,024 pairs.")
    var quick = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Largest number of pairs; each needs two descriptors. (default: what the limit allows)",
            valueName: "n"),
        transform: CountArgument.parse)
    var maxPairs: Int?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Chained writes, W. (default: 1000)", valueName: "n"),
        transform: CountArgument.parse)
    var writes: Int?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Rounds. (default: 3; with --quick 1)", valueName: "n"),
        transform: CountArgument.parse)
    var rounds: Int?

    @OptionGroup var outputs: FigureOptions

    @Flag(help: "Print a line per sample to standard error.")
    var verbose = false

    func validate() throws {
        if let rounds, rounds > 1000 { throw ValidationError("--rounds is \(rounds); use 1 to 1000") }
        if let writes, writes > 1_000_000 { throw ValidationError("--writes is \(writes); use 1 to 1000000") }
        if let maxPairs, maxPairs < DispatchPlan.fewest {
            throw ValidationError("--max-pairs is \(maxPairs); use \(DispatchPlan.fewest) or more")
        }
    }

    func run() throws {
        let outputs = try outputs.open()
        DescriptorLimit.raise(to: 1 << 20)
        let machine = BenchMachine.current()
        let plan = makePlan(descriptors: machine.descriptors)
        guard !plan.pairs.isEmpty else {
            throw CommandFailure(
                "\(machine.descriptors) descriptors are too few for \(DispatchPlan.fewest) pairs; raise 'ulimit -n'")
        }
        if let processor = machine.loadProcessor { try Processor.pin(to: processor) }
        let interrupt = try Interrupt()
        defer { interrupt.end() }
        var report = FigureReport(command: "dispatch", on: machine)
        let progress = BenchProgress(isVerbose: verbose)
        let start = ContinuousClock.now
        try DispatchRunner(
            plan: plan, rounds: rounds ?? (quick ? 1 : 3), progress: progress, isCancelled: { try interrupt.hasCome() }
        ).run(into: &report)
        progress.clear()
        report.seconds = (ContinuousClock.now - start) / .seconds(1)
        if outputs.isForPeople { StandardOutput.print(FigureSummary.text(report)) }
        try outputs.write(report)
        try interrupt.exitIfCome()
        if let first = report.failures.first {
            throw CommandFailure("\(report.failures.count) samples failed; the first: \(first)")
        }
    }

    /// Returns the plan for these options.
    func makePlan(descriptors: Int) -> DispatchPlan {
        let most = maxPairs ?? (quick ? 1024 : .max)
        var plan = DispatchPlan(pairs: DispatchPlan.pairs(within: descriptors).filter { $0 <= most })
        if quick { plan.iterations = 10 }
        if let writes { plan.writes = writes }
        return plan
    }
}
