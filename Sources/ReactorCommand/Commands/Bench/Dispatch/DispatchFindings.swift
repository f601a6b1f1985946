// The result in words.

/// The sentences about the figure of `reactor bench dispatch`.
enum DispatchFindings {
    /// Returns what the last place of each panel says, for as far as it was measured.
    static func sentences(_ figure: Figure) -> [String] {
        figure.panels.flatMap { panel -> [String] in
            guard let base = panel.line("epoll-lt"), let last = base.points.last else { return [] }
            var sentences: [String] = []
            let others = ["poll", "select"].compactMap { name -> String? in
                guard let point = panel.line(name)?.points.first(where: { $0.x == last.x }) else { return nil }
                return "\(name) needs \(ratio(point, last)) times epoll's time per event"
            }
            let place = "\(Int(last.x).grouped) pairs, \(panel.title)"
            if !others.isEmpty { sentences.append("\(place): " + others.joined(separator: ", ") + ".") }
            if let plain = panel.line("C epoll-lt")?.points.first(where: { $0.x == last.x }) {
                sentences.append("\(place): the framework on epoll needs \(ratio(last, plain)) times plain C's.")
            }
            return sentences
        }
    }

    /// Returns the ratio of the medians, with the range that the samples allow.
    static func ratio(_ point: FigurePoint, _ base: FigurePoint) -> String {
        let middle = text(point.median / base.median)
        guard point.values.count > 1 || base.values.count > 1 else { return middle }
        return "\(middle) (\(text(point.least / base.most)) to \(text(point.most / base.least)))"
    }

    private static func text(_ ratio: Double) -> String {
        LoadSummary.text(ratio, digits: ratio < 10 ? 2 : ratio < 100 ? 1 : 0)
    }
}

extension FigurePanel {
    /// The line of a name.
    func line(_ name: String) -> FigureLine? { lines.first { $0.name == name } }
}
