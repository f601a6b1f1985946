// A report as one HTML page that needs nothing else: figures as inline SVG, tables, the machine, and how to repeat it.

/// The writing of a report as a page.
enum FigurePage {
    /// Returns a self-contained HTML document.
    static func document(_ report: FigureReport) -> String {
        let title = report.figures.first?.title ?? report.command
        var parts = [
            """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width,initial-scale=1">
            <title>\(ChartSVG.escaped(title))</title><style>\(style)</style></head><body><main>
            <h1>\(ChartSVG.escaped(title))</h1>
            """
        ]
        if !report.findings.isEmpty { parts.append(list(report.findings)) }
        for figure in report.figures {
            parts.append("<figure>" + ChartSVG.document(figure))
            if !figure.notes.isEmpty {
                parts.append("<figcaption>\(ChartSVG.escaped(figure.notes.joined(separator: " ")))</figcaption>")
            }
            parts.append("</figure>")
            for panel in figure.panels { parts.append(table(panel, of: figure)) }
        }
        if !report.failures.isEmpty { parts.append("<h2>Failed samples</h2>" + list(report.failures)) }
        let facts = report.facts.map {
            "<tr><th>\(ChartSVG.escaped($0.name))</th><td>\(ChartSVG.escaped($0.value))</td></tr>"
        }
        parts.append("<h2>How it was measured</h2><table class=\"facts\">\(facts.joined())</table>")
        parts.append("</main></body></html>")
        return parts.joined(separator: "\n") + "\n"
    }

    private static func list(_ lines: [String]) -> String {
        "<ul>" + lines.map { "<li>\(ChartSVG.escaped($0))</li>" }.joined() + "</ul>"
    }

    private static func table(_ panel: FigurePanel, of figure: Figure) -> String {
        let table = FigureTable(panel, xTitle: figure.xTitle)
        let head = table.columns.map { "<th>\(ChartSVG.escaped($0))</th>" }.joined()
        let rows = table.rows.map { row in
            "<tr>" + row.map { "<td>\(ChartSVG.escaped($0))</td>" }.joined() + "</tr>"
        }
        let caption = ChartSVG.escaped("\(panel.title): \(figure.yTitle), medians")
        return "<details><summary>\(caption)</summary><div class=\"wide\"><table><thead><tr>\(head)</tr></thead>"
            + "<tbody>\(rows.joined())</tbody></table></div></details>"
    }

    private static let style = """
        :root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1d2733;background:#fff}
        main{max-width:1240px;margin:0 auto;padding:16px}h1{font-size:24px}h2{font-size:19px;margin-top:32px}
        figure{margin:24px 0}figure svg{width:100%;height:auto}figcaption{color:#5a6675;font-size:14px}
        table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}td,th{padding:3px 10px;text-align:right}
        thead th{border-bottom:1px solid #9aa5b1}.facts th,.facts td{text-align:left;vertical-align:top}.wide{overflow-x:auto}
        details{margin:6px 0}summary{cursor:pointer}
        @media(prefers-color-scheme:dark){body{color:#e6edf3;background:#12171d}figcaption{color:#9aa7b4}}
        @media print{details{display:block}body{color:#000;background:#fff}}
        """
}
