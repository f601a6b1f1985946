// A report on a terminal: the facts, a table per panel, and the sentences, in 80 columns.

/// The writing of a report for a terminal.
enum FigureSummary {
    static func text(_ report: FigureReport) -> String {
        var parts = ["reactor bench \(report.command): " + (report.figures.first?.title ?? "")]
        parts.append(
            report.facts.filter { $0.name != "repeat" }.map { "  " + $0.name.padded(to: 10) + $0.value }
                .joined(separator: "\n"))
        for figure in report.figures {
            if report.figures.count > 1 { parts.append(figure.title) }
            parts.append(FigureText.columns(figure))
            parts += figure.notes.filter { $0.hasPrefix("Not measured") || $0.hasPrefix("select ends early") }
        }
        if report.figures.contains(where: { $0.points.contains { $0.point.isUnsteady } }) {
            parts.append("* samples differ by more than 20 %; do not compare these")
        }
        parts += report.findings
        return parts.joined(separator: "\n\n")
    }
}
