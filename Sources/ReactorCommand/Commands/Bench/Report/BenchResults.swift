// The results of an earlier benchmark, read from its JSON, as named samples that can be compared.

import FoundationEssentials

/// The samples of a benchmark by name.
struct BenchResults {
    /// A place of the benchmark: its name and its samples, in microseconds.
    struct Place: Equatable {
        let name: String
        let values: [Double]
    }

    let command: String
    let date: String?
    let version: String?
    let places: [Place]

    /// Reads the file that `--json` of `reactor bench`, `bench curve` or `bench dispatch` has written.
    ///
    /// - Throws: ``CommandFailure`` that names the file: missing, no JSON, no result of these commands.
    init(file name: String) throws {
        let data: Data
        do { data = try Data(contentsOf: URL(filePath: name)) } catch {
            throw CommandFailure("cannot read \(name): no such file, or no permission")
        }
        try self.init(data, name: name)
    }

    init(_ data: Data, name: String) throws {
        let decoder = JSONDecoder()
        if let report = try? decoder.decode(FigureReport.self, from: data) {
            guard report.format == FigureReport.currentFormat else {
                throw CommandFailure(
                    "\(name) has format \(report.format); this version reads format \(FigureReport.currentFormat)")
            }
            self.init(
                command: report.command, date: report.date, version: report.version,
                places: report.figures.enumerated().flatMap { number, figure in
                    figure.points.map { panel, line, point in
                        let title = report.figures.count > 1 && number > 0 ? "registered again, " : ""
                        let x = "\(Int(point.x).grouped) \(figure.xTitle)"
                        return Place(name: "\(title)\(panel.title), \(x), \(line.name)", values: point.values)
                    }
                })
        } else if let table = try? decoder.decode(Table.self, from: data) {
            self.init(
                command: "table", date: table.date, version: table.version,
                places: table.cells.filter { !$0.rounds.isEmpty }.map { cell in
                    let scenario = BenchScenario(active: cell.connections, idle: cell.idleConnections)
                    return Place(
                        name: "\(scenario.title), \(cell.backend)",
                        values: cell.rounds.map(\.serverCPUMicrosecondsPerMessage))
                })
        } else {
            throw CommandFailure("\(name) is not a result of 'reactor bench'; write one with --json FILE")
        }
        guard places.allSatisfy({ !$0.values.isEmpty }) else {
            throw CommandFailure("\(name) has a place without a sample; it was changed since it was written")
        }
    }

    private init(command: String, date: String?, version: String?, places: [Place]) {
        self.command = command
        self.date = date
        self.version = version
        self.places = places
    }

    /// The part of ``BenchReport`` that is compared.
    private struct Table: Decodable {
        struct Cell: Decodable {
            struct Round: Decodable { let serverCPUMicrosecondsPerMessage: Double }
            let backend: String
            let connections, idleConnections: Int
            let rounds: [Round]
        }

        let cells: [Cell]
        let date: String?
        let version: String?
    }
}
