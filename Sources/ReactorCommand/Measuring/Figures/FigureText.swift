// A figure as text: comma-separated values for other programs, and tables for pages in Markdown.

/// The writing of a figure as text.
enum FigureText {
    /// Returns a line per point (RFC 4180): panel, line, x, median, least, most, samples.
    static func csv(_ figure: Figure) -> String {
        var lines = ["panel,line,\(quoted(figure.xTitle)),median,least,most,samples"]
        for (panel, line, point) in figure.points {
            let numbers = [point.x, point.median, point.least, point.most].map { number($0) }
            lines.append(
                ([quoted(panel.title), quoted(line.name)] + numbers + ["\(point.values.count)"])
                    .joined(separator: ","))
        }
        return lines.joined(separator: "\r\n") + "\r\n"
    }

    private static func quoted(_ text: String) -> String {
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    /// Returns a table per panel in Markdown.
    static func markdown(_ figure: Figure) -> String {
        figure.panels.map { panel in
            let table = FigureTable(panel, xTitle: figure.xTitle)
            let head = "| " + table.columns.joined(separator: " | ") + " |"
            let rule = "|" + String(repeating: "---:|", count: table.columns.count)
            let rows = table.rows.map { "| " + $0.joined(separator: " | ") + " |" }
            return (["**\(panel.title)** (\(figure.yTitle))", "", head, rule] + rows).joined(separator: "\n")
        }.joined(separator: "\n\n") + "\n"
    }

    /// Returns a table per panel in columns, for a terminal; wide panels are cut into several tables.
    static func columns(_ figure: Figure, width: Int = 80) -> String {
        figure.panels.map { panel in
            let table = FigureTable(panel, xTitle: figure.xTitle)
            var lines = ["\(panel.title), \(figure.yTitle)"]
            let widths = table.columns.indices.map { column in
                2 + max(table.columns[column].count, table.rows.map { $0[column].count }.max() ?? 0)
            }
            var first = 1
            while first < table.columns.count {
                var last = first
                var used = widths[0] + widths[first]
                while last + 1 < table.columns.count && used + widths[last + 1] <= width {
                    last += 1
                    used += widths[last]
                }
                let shown = [0] + Array(first...last)
                for row in [table.columns] + table.rows {
                    lines.append(shown.map { row[$0].padded(before: widths[$0]) }.joined())
                }
                first = last + 1
                if first < table.columns.count { lines.append("") }
            }
            return lines.joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    /// Returns a number with four significant digits.
    static func number(_ value: Double) -> String {
        if value == value.rounded() && abs(value) < 1e15 { return "\(Int(value))" }
        switch abs(value) {
        case 1000...: return LoadSummary.text(value, digits: 0)
        case 100...: return LoadSummary.text(value, digits: 1)
        case 10...: return LoadSummary.text(value, digits: 2)
        case 1...: return LoadSummary.text(value, digits: 3)
        default: return LoadSummary.text(value, digits: 4)
        }
    }
}

/// The medians of a panel as rows of text; `*` marks samples that differ too much.
struct FigureTable {
    let columns: [String]
    let rows: [[String]]

    init(_ panel: FigurePanel, xTitle: String) {
        columns = [xTitle] + panel.lines.map(\.name)
        let places = Set(panel.lines.flatMap { $0.points.map(\.x) }).sorted()
        rows = places.map { place in
            [Int(place).grouped]
                + panel.lines.map { line in
                    guard let point = line.points.first(where: { $0.x == place }) else { return "-" }
                    let digits = point.median < 10 ? 2 : point.median < 100 ? 1 : 0
                    return LoadSummary.text(point.median, digits: digits) + (point.isUnsteady ? "*" : "")
                }
        }
    }
}

extension String {
    /// Returns this text padded with leading spaces to a width.
    func padded(before width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
