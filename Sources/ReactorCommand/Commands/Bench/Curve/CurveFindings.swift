// The result in words.

/// The sentences about the curve.
enum CurveFindings {
    static func sentences(_ figure: Figure) -> [String] {
        figure.panels.flatMap { panel -> [String] in
            guard let base = panel.line("epoll-lt"), let last = base.points.last else { return [] }
            let others = ["poll", "select"].compactMap { name -> String? in
                guard let point = panel.line(name)?.points.first(where: { $0.x == last.x }) else { return nil }
                return "\(name) needs \(DispatchFindings.ratio(point, last)) times epoll's CPU per message"
            }
            if others.isEmpty { return [] }
            var sentences = [
                "\(Int(last.x).grouped) connections, \(panel.title): " + others.joined(separator: ", ") + "."
            ]
            if let place = parting(panel) {
                sentences.append(
                    "\(panel.title): poll costs 1.2 times as much as epoll from \(Int(place).grouped) connections on.")
            }
            return sentences
        }
    }

    /// Returns from how many connections on poll costs at least 1.2 times as much as epoll; `nil` if it never does.
    private static func parting(_ panel: FigurePanel) -> Double? {
        guard let poll = panel.line("poll"), let epoll = panel.line("epoll-lt") else { return nil }
        var place: Double?
        for point in poll.points.reversed() {
            guard let base = epoll.points.first(where: { $0.x == point.x }) else { continue }
            if point.median < 1.2 * base.median { break }
            place = point.x
        }
        return place
    }
}
