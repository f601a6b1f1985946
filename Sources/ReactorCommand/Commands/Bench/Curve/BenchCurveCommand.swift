// `reactor bench curve`: what a message costs against the number of open connections.

import ArgumentParser
import Reactor
import Synchronization

/// The cost of a message against the number of open connections.
struct BenchCurveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "curve",
        abstract: "Measure what a message costs against the number of open connections.",
        discussion: """
            The figure of every textbook: the server's CPU time per echoed message on each selector, from 1 open \
            connection to what the limit of descriptors allows, with 1, with 100 and with all connections active. \
            Every sample has a fresh server on one processor and a load on another, over TCP; the back ends take \
            turns. A sample that other processes disturbed is taken again.

            EXAMPLES
              reactor bench curve --quick
              reactor bench curve --html curve.html --svg curve.svg --json curve.json

            It takes 432 samples of a second, each on a fresh server; with --quick, one minute. ctrl-C ends it and keeps \
            what was measured. \
            Exit status: 0, 1 when a sample failed, 64 for an invalid command line.
            """)

    @Flag(help: "One round of short samples at six places.")
    var quick = false

    @Option(
        help: ArgumentHelp("Numbers of open connections. (default: 1,2,5,10,... up to the limit)", valueName: "list"),
        transform: { try BenchTableCommand.list($0, of: CountArgument.parse) })
    var connections: [Int]?

    @Option(
        help: ArgumentHelp(
            "Selectors, of \(BackendArgument.names). (default: epoll-lt,epoll-et,poll,select-unlimited)",
            valueName: "list"),
        transform: { try BenchTableCommand.list($0, of: BackendArgument.parse) })
    var backends: [Backend]?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Samples per place. (default: 3; with --quick 1)", valueName: "n"),
        transform: CountArgument.parse)
    var rounds: Int?

    @Option(
        help: ArgumentHelp("Duration of a sample. (default: 1s; with --quick 400ms)", valueName: "time"),
        transform: DurationArgument.required)
    var duration: Duration?

    @OptionGroup var outputs: FigureOptions

    @Flag(help: "Print a line per sample to standard error.")
    var verbose = false

    func validate() throws {
        if let rounds, rounds > 1000 { throw ValidationError("--rounds is \(rounds); use 1 to 1000") }
        if let duration, !(.milliseconds(10) ... .seconds(3600) ~= duration) {
            throw ValidationError("--duration is out of range for a sample; use 10ms to 1h")
        }
        if let most = connections?.max(), most > 1_000_000 {
            throw ValidationError("--connections has \(most); use up to 1000000")
        }
    }

    func run() throws {
        let outputs = try outputs.open()
        DescriptorLimit.raise(to: (connections?.max() ?? 1 << 20) + BenchPlan.descriptorReserve)
        let machine = BenchMachine.current()
        var plan = makePlan(descriptors: machine.descriptors)
        let possible = plan.connections.filter { $0 + BenchPlan.descriptorReserve <= machine.descriptors }
        let left = plan.connections.filter { !possible.contains($0) }
        plan.connections = possible
        guard !possible.isEmpty else {
            throw CommandFailure(
                "\(machine.descriptors) descriptors are too few for \(left.min() ?? 1) connections; raise 'ulimit -n'")
        }
        var figure = plan.figure
        if !left.isEmpty {
            let places = left.map(\.grouped).joined(separator: ", ")
            figure.notes.append(
                "Not measured: \(places) connections, because 'ulimit -n' is \(machine.descriptors.grouped).")
        }
        var empty = FigureReport(command: "curve", on: machine)
        empty.figures = [figure]
        let state = CurveState(empty)
        let runner = CurveRunner(plan, on: machine, isVerbose: verbose)
        let start = ContinuousClock.now
        var interrupted: (any Error)?
        do { try MainThread.run { try await runner.run(into: state.report) } } catch { interrupted = error }
        var report = state.report.withLock { $0 }
        report.seconds = (ContinuousClock.now - start) / .seconds(1)
        report.wasStopped = interrupted != nil
        report.findings = CurveFindings.sentences(report.figures[0])
        if outputs.isForPeople { StandardOutput.print(FigureSummary.text(report)) }
        try outputs.write(report)
        if let interrupted { throw interrupted }
        if let first = report.failures.first {
            throw CommandFailure("\(report.failures.count) samples failed; the first: \(first)")
        }
    }

    /// Returns the plan for these options.
    func makePlan(descriptors: Int) -> CurvePlan {
        let steps = quick ? CurvePlan.quickSteps(within: descriptors) : CurvePlan.steps(within: descriptors)
        var plan = CurvePlan(connections: (connections ?? steps).sorted())
        if quick {
            plan.rounds = 1
            plan.duration = .milliseconds(400)
            plan.repetitions = 1
        }
        if let backends { plan.backends = backends }
        if let rounds { plan.rounds = rounds }
        if let duration { plan.duration = duration }
        return plan
    }
}

/// The report while it grows, for the runner's task and for the end of the command.
private final class CurveState: Sendable {
    let report: Mutex<FigureReport>

    init(_ report: FigureReport) { self.report = Mutex(report) }
}
