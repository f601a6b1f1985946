// The options of benchmarks that draw: where the result goes. Every file is opened before anything is measured.

import ArgumentParser

/// Where a benchmark writes its figures.
struct FigureOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write one self-contained page: figures, tables, machine.", valueName: "file"))
    var html: String?

    @Option(help: ArgumentHelp("Write the figure as SVG.", valueName: "file"))
    var svg: String?

    @Option(help: ArgumentHelp("Write a line per point as comma-separated values.", valueName: "file"))
    var csv: String?

    @Option(help: ArgumentHelp("Write the tables in Markdown.", valueName: "file"))
    var markdown: String?

    @Option(
        help: ArgumentHelp("Write everything as JSON, with every sample; '-' is standard output.", valueName: "file"))
    var json: String?

    /// Opens all files.
    ///
    /// - Throws: ``CommandFailure`` that names the file which cannot be written.
    func open() throws -> FigureOutputs {
        let names = [html, svg, csv, markdown, json].compactMap(\.self).filter { $0 != "-" }
        if let name = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw ValidationError("\(name) is named by two options; every output needs a file of its own")
        }
        return FigureOutputs(
            html: try html.map(FileOutput.init), svg: try svg.map(FileOutput.init), csv: try csv.map(FileOutput.init),
            markdown: try markdown.map(FileOutput.init), json: try json.map(JSONOutput.init),
            isForPeople: ![html, svg, csv, markdown, json].contains("-"))
    }
}

/// The opened files of a benchmark.
struct FigureOutputs {
    let html: FileOutput?
    let svg: FileOutput?
    let csv: FileOutput?
    let markdown: FileOutput?
    let json: JSONOutput?
    /// Whether standard output is free for tables.
    let isForPeople: Bool

    /// Writes all files, and closes them.
    ///
    /// - Throws: ``CommandFailure`` that names the file which cannot be written.
    func write(_ report: FigureReport) throws {
        try html?.write(FigurePage.document(report))
        try svg?.write(ChartSVG.document(report.figures))
        try csv?.write(report.figures.map(FigureText.csv).joined(separator: "\r\n"))
        try markdown?.write(report.figures.map(FigureText.markdown).joined(separator: "\n"))
        try json?.write(report)
    }
}
