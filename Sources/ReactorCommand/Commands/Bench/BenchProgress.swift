// How a bench is getting on, beside its output.

/// Tells the progress of a bench on standard error: a live line where that is a terminal, or a line a sample when asked.
struct BenchProgress {
    private let line: LiveLine?
    private let isVerbose: Bool

    init(isVerbose: Bool) {
        self.isVerbose = isVerbose
        line = StandardError.isTerminal && !isVerbose ? LiveLine() : nil
    }

    /// A sample is being taken.
    func began(_ name: String, _ number: Int, of all: Int) { line?.show("\(number)/\(all)  \(name)") }

    /// A sample was taken.
    func ended(_ name: String, _ figures: BenchFigures) {
        guard isVerbose else { return }
        let rate = Int(figures.messagesPerSecond).grouped
        let cpu = LoadSummary.text(figures.serverCPUMicrosecondsPerMessage, digits: 2)
        StandardError.write("\(name): \(rate) messages/s, \(cpu) us of server CPU a message\n")
    }

    /// A step was taken that has no figures of that kind.
    func ended(_ name: String) { if isVerbose { StandardError.write(name + "\n") } }

    /// There is nothing more to tell.
    func clear() { line?.clear() }
}
