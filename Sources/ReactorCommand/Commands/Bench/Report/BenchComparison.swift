// Two runs of a benchmark, place by place.

/// The comparison of two results of the same benchmark.
struct BenchComparison: Encodable {
    /// What the samples of a place allow to say.
    enum Verdict: String, Encodable { case same, faster, slower, unsteady }

    /// A place that both results have.
    struct Row: Encodable {
        let name: String
        let oldMicroseconds: Double
        let newMicroseconds: Double
        let ratio: Double
        let verdict: Verdict
    }

    private(set) var rows: [Row] = []
    /// Places that only one of the results has.
    let onlyOld: [String]
    let onlyNew: [String]

    init(_ old: BenchResults, _ new: BenchResults) {
        let newByName = Dictionary(new.places.map { ($0.name, $0.values) }, uniquingKeysWith: { first, _ in first })
        let oldNames = Set(old.places.map(\.name))
        for place in old.places {
            guard let values = newByName[place.name] else { continue }
            rows.append(Self.row(place.name, place.values, values))
        }
        onlyOld = old.places.map(\.name).filter { newByName[$0] == nil }
        onlyNew = new.places.map(\.name).filter { !oldNames.contains($0) }
    }

    private static func row(_ name: String, _ old: [Double], _ new: [Double]) -> Row {
        let (before, after) = (FigurePoint(x: 0, values: old), FigurePoint(x: 0, values: new))
        let verdict: Verdict =
            if before.isUnsteady || after.isUnsteady {
                .unsteady
            } else if after.most < before.least {
                .faster
            } else if after.least > before.most {
                .slower
            } else {
                .same
            }
        return Row(
            name: name, oldMicroseconds: before.median, newMicroseconds: after.median,
            ratio: before.median > 0 ? after.median / before.median : 0, verdict: verdict)
    }

    /// The comparison as a table and a sentence.
    var text: String {
        let width = min(46, rows.map(\.name.count).max() ?? 0)
        var lines = rows.map { row in
            let name = row.name.count > width ? "\(row.name.prefix(width - 3))..." : row.name
            let numbers = [
                FigureText.number(row.oldMicroseconds).padded(before: 9),
                FigureText.number(row.newMicroseconds).padded(before: 9),
                LoadSummary.text(row.ratio, digits: 2).padded(before: 6),
            ]
            return name.padded(to: width) + numbers.joined() + "  \(row.verdict.rawValue)"
        }
        let head = ["old us".padded(before: 9), "new us".padded(before: 9), "ratio".padded(before: 6)].joined()
        lines.insert("".padded(to: width) + head, at: 0)
        let faster = rows.count { $0.verdict == .faster }
        let slower = rows.count { $0.verdict == .slower }
        let unsteady = rows.count { $0.verdict == .unsteady }
        lines.append("")
        lines.append(
            "\(rows.count) places: \(faster) faster, \(slower) slower, \(unsteady) unsteady (samples differ by more than "
                + "20 %),\nthe others the same: their ranges overlap.")
        if !onlyOld.isEmpty || !onlyNew.isEmpty {
            lines.append("Only in the old result: \(onlyOld.count); only in the new one: \(onlyNew.count).")
        }
        return lines.joined(separator: "\n")
    }
}
