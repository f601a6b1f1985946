// What `reactor bench curve` measures: values only.

import Reactor

/// The places of the curve: back ends, numbers of connections, and how many of them are active.
struct CurvePlan: Sendable {
    var backends: [Backend] = [.epoll(.levelTriggered), .epoll(.edgeTriggered), .poll, .unlimitedSelect]
    /// The numbers of open connections.
    var connections: [Int]
    /// The numbers of active connections; `nil` is all.
    var active: [Int?] = [1, 100, nil]
    var rounds = 3
    /// The duration of a sample.
    var duration = Duration.seconds(1)
    /// How often a disturbed sample is taken again.
    var repetitions = 2

    /// Above this share of a processor that other processes used, a sample is taken again.
    static let disturbance = 0.15
    /// The number of descriptors at which the C library's `fd_set` ends (select(2)).
    static let selectLimit = 1024

    /// The steps 1, 2, 5, 10, ... up to what the limit of descriptors allows, and that limit itself.
    static func steps(within descriptors: Int) -> [Int] {
        let most = descriptors - BenchPlan.descriptorReserve
        var steps: [Int] = []
        var power = 1
        while power <= most && power <= 1_000_000 {
            steps += [1, 2, 5].map { $0 * power }.filter { $0 <= most }
            power *= 10
        }
        // The limit is a step of its own if it is well beyond the last one.
        if let last = steps.last, most >= last + last / 2 { steps.append(most / 1000 > 0 ? most / 1000 * 1000 : most) }
        return steps
    }

    /// Fewer steps, for a curve in less than two minutes.
    static func quickSteps(within descriptors: Int) -> [Int] {
        [1, 10, 100, 500, 2_000, 10_000].filter { $0 + BenchPlan.descriptorReserve <= descriptors }
    }

    /// The scenario of a panel at a number of connections; `nil` where there are fewer connections than active ones.
    func scenario(_ panel: Int, _ connections: Int) -> BenchScenario? {
        let active = active[panel] ?? connections
        return active <= connections ? BenchScenario(active: active, idle: connections - active) : nil
    }

    /// Returns why a back end cannot be measured with so many connections; `nil` if it can.
    func obstacle(to backend: Backend, _ connections: Int) -> String? {
        BenchPlan.obstacle(
            to: BenchScenario(active: connections), descriptorLimit: backend == .select ? Self.selectLimit : nil,
            descriptors: .max)
    }

    /// The heading of a panel.
    func title(_ panel: Int) -> String {
        guard let active = active[panel] else { return "all active" }
        return active == 1 ? "1 active" : "\(active.grouped) active"
    }

    /// The name of a back end's line.
    static func name(_ backend: Backend) -> String {
        switch backend {
        case .unlimitedSelect: "select"
        case .select: "select to 1,024"
        default: "\(backend)"
        }
    }

    /// The number of samples without repetitions.
    var samples: Int {
        connections.map { number in active.indices.count { scenario($0, number) != nil } }.reduce(0, +)
            * backends.count * rounds
    }

    private var notesOnSelect: [String] {
        var notes: [String] = []
        if backends.contains(.unlimitedSelect) {
            notes.append("select has bitmaps of its own beyond 1,024 descriptors, where the C library's fd_set ends.")
        }
        if let obstacle = connections.last.flatMap({ obstacle(to: .select, $0) }), backends.contains(.select) {
            notes.append("select ends early: \(obstacle).")
        }
        return notes
    }

    /// The empty figure.
    var figure: Figure {
        let lines = backends.map { FigureLine(name: Self.name($0)) }
        let marks = [FigureMark(x: Double(Self.selectLimit), text: "fd_set ends")]
        let reachesLimit = connections.contains { $0 > Self.selectLimit }
        return Figure(
            title: "select, poll and epoll: what a message costs the server", xTitle: "open connections",
            yTitle: "us of server CPU per message",
            panels: active.indices.map {
                FigurePanel(title: title($0), lines: lines, marks: reachesLimit ? marks : [])
            },
            notes: [
                "Echo of \(BenchPlan.messageSize)-byte messages over TCP on loopback, one in flight on each active "
                    + "connection, \(LoadSummary.text(duration / .seconds(1), digits: 1)) s per sample on a fresh "
                    + "server; medians of \(rounds == 1 ? "1 round" : "\(rounds) rounds"), whiskers from the least to "
                    + "the largest."
            ] + notesOnSelect)
    }
}
