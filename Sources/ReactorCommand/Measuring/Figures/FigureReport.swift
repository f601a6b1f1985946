// The result of a benchmark that is drawn: the figure, and everything that is needed to repeat it.

import FoundationEssentials

/// A figure with its origin: the machine, the date, the version and the command. The JSON keys are part of the
/// commands' interface.
struct FigureReport: Codable {
    /// Increased when the meaning of a key changes.
    static let currentFormat = 1

    /// The format that this report was written in.
    var format = FigureReport.currentFormat
    let command: String
    /// The command line that repeats it.
    let commandLine: String
    let version: String
    /// ISO 8601, UTC.
    let date: String
    let machine: BenchMachine
    /// Seconds that it took.
    var seconds = 0.0
    /// Whether it was ended before its time; the figure has what was measured until then.
    var wasStopped = false
    /// The errors, a line per failed sample.
    var failures: [String] = []
    var figures: [Figure] = []
    /// Sentences in words, derived from the figures.
    var findings: [String] = []

    init(command: String, on machine: BenchMachine) {
        self.command = command
        commandLine = (["reactor"] + CommandLine.arguments.dropFirst()).joined(separator: " ")
        version = ReactorCommand.configuration.version
        date = Date.now.formatted(.iso8601)
        self.machine = machine
    }

    /// The facts about the run, as name and value.
    var facts: [(name: String, value: String)] {
        BenchTable.machineFacts(machine) + [
            ("version", "swift-reactor \(version)"), ("date", date), ("repeat", commandLine),
            ("took", "\(LoadSummary.text(seconds, digits: 0)) s\(wasStopped ? ", stopped before its time" : "")"),
        ]
    }
}
