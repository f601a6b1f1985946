// The results of a benchmark as text: the setting, then one table.

/// The formatting of a benchmark's results as text.
enum BenchTable {
    private static let indent = 2
    private static let nameWidth = 18
    private static let columns = ["messages/s", "p50", "p99", "p99.9", "server CPU"]
    private static let columnWidth = 12

    /// Returns what will be measured and on which machine; printed before the first sample.
    static func facts(_ plan: BenchPlan, on machine: BenchMachine) -> String {
        let rounds = plan.rounds == 1 ? "1 round" : "the median of \(plan.rounds) rounds, interleaved"
        var lines = ["reactor bench: the echo server on each selector, a fresh process for every sample"]
        func add(_ name: String, _ value: String) { lines.append("  " + name.padded(to: 10) + value) }
        for (name, value) in machineFacts(machine) { add(name, value) }
        add("load", "\(BenchPlan.messageSize)-byte messages, one in flight on each active connection, verified")
        add("samples", "\(LoadSummary.text(plan.duration / .seconds(1), digits: 1)) s each; \(rounds)")
        if let leftOut = plan.leftOut { add("left out", leftOut) }
        add("columns", "latency from send to echo (closed loop); CPU time of the server per message")
        return lines.joined(separator: "\n")
    }

    /// Returns the facts about a machine.
    static func machineFacts(_ machine: BenchMachine) -> [(name: String, value: String)] {
        var facts: [(String, String)] = []
        func add(_ name: String, _ value: String) { facts.append((name, value)) }
        let processors = machine.processors.count == 1 ? "1 processor" : "\(machine.processors.count) processors"
        let name = machine.processorName.map { " (\($0))" } ?? ""
        add("machine", "\(processors)\(name), Linux \(machine.kernel)")
        if let server = machine.serverProcessor, let load = machine.loadProcessor {
            add("pinned", "the server to processor \(server), the load to processor \(load)")
        } else {
            add("pinned", "nothing: server and load share the only processor; only server CPU is reliable")
        }
        if machine.loadAverage >= 0.5 {
            let average = LoadSummary.text(machine.loadAverage, digits: 1)
            add("busy", "the load average was \(average) before; other work distorts figures, latency most")
        }
        return facts
    }

    /// Returns the table: a block per scenario, a row per back end.
    static func text(of cells: [BenchCell]) -> String {
        var lines: [String] = []
        var lastScenario: BenchScenario?
        lines.append(row("", columns))
        for cell in cells {
            let scenario = BenchScenario(active: cell.connections, idle: cell.idleConnections)
            if scenario != lastScenario {
                lines.append(scenario.title)
                lastScenario = scenario
            }
            lines.append(row(of: cell))
        }
        return lines.joined(separator: "\n")
    }

    private static func row(of cell: BenchCell) -> String {
        guard let median = cell.median else { return row(cell.backend, []) + "  " + (cell.note ?? "not measured") }
        let figures = [
            Int(median.messagesPerSecond.rounded()).grouped,
            LoadSummary.time(Int(median.p50Nanoseconds)),
            LoadSummary.time(Int(median.p99Nanoseconds)),
            LoadSummary.time(Int(median.p999Nanoseconds)),
            "\(LoadSummary.text(median.serverCPUMicrosecondsPerMessage, digits: 2)) us",
        ]
        let rounds = cell.rounds.count == 1 ? "1 round" : "\(cell.rounds.count) rounds"
        return row(cell.backend, figures) + (cell.note.map { "  \(rounds) only: \($0)" } ?? "")
    }

    private static func row(_ name: String, _ values: [String]) -> String {
        let head = String(repeating: " ", count: indent) + name.padded(to: nameWidth)
        return values.reduce(head) { line, value in
            line + String(repeating: " ", count: max(1, columnWidth - value.count)) + value
        }
    }
}
