// `reactor bench report`: two runs of the same benchmark, compared.

import ArgumentParser

/// The comparison of two results.
struct BenchReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Compare two results of a benchmark.",
        discussion: """
            Reads what --json of 'reactor bench', 'bench curve' or 'bench dispatch' has written, and compares the \
            medians place by place. A place is faster or slower only if the ranges of the samples do not overlap. \
            Runs at different times are compared at best roughly: the machine drifts by 20 to 30 %.

            EXAMPLES
              reactor bench report old.json new.json
              reactor bench report old.json new.json --fail-on-slower 1.1

            Exit status: 0, 1 when a file cannot be read or --fail-on-slower applies, 64 for an invalid command line.
            """)

    @Argument(help: ArgumentHelp("The earlier result.", valueName: "old"))
    var old: String

    @Argument(help: ArgumentHelp("The later result.", valueName: "new"))
    var new: String

    @Option(
        help: ArgumentHelp("Fail if a place is slower by at least this ratio, as 1.1.", valueName: "ratio"))
    var failOnSlower: Double?

    @Option(help: ArgumentHelp("Write the comparison as JSON; '-' is standard output.", valueName: "file"))
    var json: String?

    func validate() throws {
        if let failOnSlower, !(failOnSlower > 1 && failOnSlower < 1000) {
            throw ValidationError("--fail-on-slower is \(failOnSlower); use a ratio above 1, as 1.1")
        }
    }

    func run() throws {
        let (old, new) = (try BenchResults(file: old), try BenchResults(file: new))
        guard old.command == new.command else {
            throw CommandFailure(
                "the results are of 'bench \(old.command)' and 'bench \(new.command)'; compare equal ones")
        }
        let output = try json.map(JSONOutput.init)
        let comparison = BenchComparison(old, new)
        guard !comparison.rows.isEmpty else { throw CommandFailure("the results have no place in common") }
        if json != "-" { StandardOutput.print(comparison.text) }
        try output?.write(comparison)
        if let failOnSlower,
            let worst = comparison.rows.filter({ $0.verdict == .slower && $0.ratio >= failOnSlower })
                .max(by: { $0.ratio < $1.ratio })
        {
            let ratio = LoadSummary.text(worst.ratio, digits: 2)
            throw CommandFailure("\(worst.name) takes \(ratio) times what it took")
        }
    }
}
