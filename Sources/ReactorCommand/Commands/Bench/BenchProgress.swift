// The progress of a benchmark, on standard error.

/// Reports the progress of a benchmark on standard error: a live line on a terminal, or with `--verbose` a line per
/// sample.
struct BenchProgress {
    private let line: LiveLine?
    private let isVerbose: Bool

    init(isVerbose: Bool) {
        self.isVerbose = isVerbose
        line = StandardError.isTerminal && !isVerbose ? LiveLine() : nil
    }

    /// Reports that a sample has started.
    func began(_ name: String, _ number: Int, of all: Int) { line?.show("\(number)/\(all)  \(name)") }

    /// Reports the figures of a sample.
    func ended(_ name: String, _ figures: BenchFigures) {
        guard isVerbose else { return }
        let rate = Int(figures.messagesPerSecond).grouped
        let cpu = LoadSummary.text(figures.serverCPUMicrosecondsPerMessage, digits: 2)
        StandardError.write("\(name): \(rate) messages/s, \(cpu) us of server CPU per message\n")
    }

    /// Reports the end of a step without such figures.
    func ended(_ name: String) { if isVerbose { StandardError.write(name + "\n") } }

    /// Erases the live line.
    func clear() { line?.clear() }
}
