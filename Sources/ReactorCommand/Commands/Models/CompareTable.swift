// The results of a comparison as text: the setting, two tables, and the explanations.

/// The formatting of a comparison's results as text.
enum CompareTable {
    private static let nameWidth = 12

    /// Returns what will be measured and on which machine; printed before the first step.
    static func facts(_ plan: ComparePlan, on machine: BenchMachine) -> String {
        let rounds = plan.rounds == 1 ? "1 round" : "the median of \(plan.rounds) rounds, interleaved"
        let seconds = LoadSummary.text(plan.duration / .seconds(1), digits: 2)
        var lines = [
            "reactor models compare: the same echo, built in \(plan.models.count) ways, a fresh process each time"
        ]
        func add(_ name: String, _ value: String) { lines.append("  " + name.padded(to: 10) + value) }
        for (name, value) in BenchTable.machineFacts(machine) { add(name, value) }
        add(
            "load",
            "\(BenchPlan.messageSize)-byte messages, one in flight on each of \(plan.connections) connections, or of as many as are served"
        )
        add("samples", "\(seconds) s each; \(rounds)")
        if let leftOut = plan.leftOut { add("left out", leftOut) }
        return lines.joined(separator: "\n")
    }

    /// Returns both tables and the explanations.
    static func text(of report: CompareReport) -> String {
        let parts = report.isDatagram ? [speed(report)] : [speed(report), cost(report), reasons(report)]
        return parts.joined(separator: "\n\n")
    }

    // MARK: The tables

    private static func speed(_ report: CompareReport) -> String {
        var lines = [
            row("", ["clients", "messages/s", "p50", "p99", "CPU/message", "short/s"], [9, 12, 11, 11, 13, 10])
        ]
        for model in report.models {
            var values = [String](repeating: "-", count: 6)
            if let median = model.median {
                values = [
                    model.connections.grouped,
                    Int(median.messagesPerSecond.rounded()).grouped,
                    LoadSummary.time(Int(median.p50Nanoseconds)), LoadSummary.time(Int(median.p99Nanoseconds)),
                    "\(LoadSummary.text(median.serverCPUMicrosecondsPerMessage, digits: 2)) us", "-",
                ]
            }
            if let short = model.shortConnectionsPerSecond { values[5] = Int(short.rounded()).grouped }
            lines.append(row(model.model, values, [9, 12, 11, 11, 13, 10]) + (model.note.map { "  \($0)" } ?? ""))
        }
        lines.append(
            "CPU: of the server and its children. short: connections per second with one message each, "
                + "\(ComparePlan.churning) at a time.")
        return lines.joined(separator: "\n")
    }

    private static func cost(_ report: CompareReport) -> String {
        let asked = report.models.compactMap(\.look?.heldAsked).first ?? 0
        let widths = [9, 10, 9, 8, 10, 10, 11, 11, 11]
        var lines = [
            row(
                "",
                [
                    "at once", "memory", "/client", "threads", "processes", "idle CPU", "1 silent",
                    "\(ComparePlan.manyStalled) silent", "1 unread",
                ],
                widths)
        ]
        for model in report.models {
            guard let look = model.look else {
                lines.append(row(model.model, ["-"], widths))
                continue
            }
            let values = [
                look.servedAtOnce.grouped, "\(LoadSummary.text(Double(look.holding.memoryKiB) / 1024, digits: 1)) MiB",
                model.memoryPerConnectionKiB.map { "\(LoadSummary.text($0, digits: 1)) KiB" } ?? "-",
                look.holding.threads.grouped, look.holding.processes.grouped,
                "\(LoadSummary.text(look.restCPUPercent, digits: 0)) %",
            ]
            lines.append(row(model.model, values + look.stalls.map(responseTime), widths))
        }
        lines.append(
            """
            at once: clients served at the same time, of \(asked.grouped) held open; memory, threads, processes and \
            idle CPU with these.
            silent, unread: how long a client waits for its reply beside others that send nothing, or do not read.
            """)
        return lines.joined(separator: "\n")
    }

    private static func responseTime(_ stall: StallFinding) -> String {
        stall.responseMicroseconds.map { LoadSummary.time(Int($0 * 1000)) } ?? "NO REPLY"
    }

    private static func reasons(_ report: CompareReport) -> String {
        let lines = report.models.map { "  \($0.model.padded(to: nameWidth - 1))\($0.explanation)" }
        return (["Why:"] + lines).joined(separator: "\n")
    }

    private static func row(_ name: String, _ values: [String], _ widths: [Int]) -> String {
        zip(values, widths).reduce(name.padded(to: nameWidth)) { line, cell in
            line + String(repeating: " ", count: max(1, cell.1 - cell.0.count)) + cell.0
        }
    }
}
