// What a bench found, every round of it: for the table, and as JSON. The keys of the JSON are part of the command's
// interface, as those of `reactor load` are.

import Reactor

/// One sample: one load on one fresh server.
struct BenchFigures: Encodable, Sendable, Equatable {
    let messages: Int
    let messagesPerSecond: Double
    let p50Nanoseconds: Int
    let p99Nanoseconds: Int
    let p999Nanoseconds: Int
    let maxNanoseconds: Int
    /// User and system time of the server a message, from before the load connected until it had closed.
    let serverCPUMicrosecondsPerMessage: Double
    /// The same of the load, while it measured.
    let loadCPUMicrosecondsPerMessage: Double
}

extension BenchFigures {
    /// The figures of a load, if it is one that figures can be taken from.
    ///
    /// - Parameters:
    ///   - serverTime: CPU time of the server, from before the load connected until it had closed, in nanoseconds.
    ///   - connections: how many were to hold to the end.
    /// - Throws: ``CommandFailure``, in one line.
    init(_ load: BenchProcesses.LoadFindings, serverTime: Int64, connections: Int) throws {
        guard load.connectionsLeft == connections else {
            throw CommandFailure("only \(load.connectionsLeft) of \(connections) connections held to the end")
        }
        guard let latency = load.latency, load.messages > 0 else { throw CommandFailure("no message came back") }
        // The server's time includes the message that each connection exchanges at first.
        let messages = Double(load.messages + load.connectionsMade)
        self.init(
            messages: load.messages, messagesPerSecond: load.messagesPerSecond, p50Nanoseconds: latency.p50Nanoseconds,
            p99Nanoseconds: latency.p99Nanoseconds, p999Nanoseconds: latency.p999Nanoseconds,
            maxNanoseconds: latency.maxNanoseconds,
            serverCPUMicrosecondsPerMessage: Double(serverTime) / 1e3 / messages,
            loadCPUMicrosecondsPerMessage: load.cpuMicrosecondsPerMessage ?? 0)
    }
}

/// What was found for one back end in one scenario.
struct BenchCell: Encodable {
    let backend: String
    let connections: Int
    let idleConnections: Int
    /// In the order of the rounds.
    var rounds: [BenchFigures] = []
    /// Why there are no rounds, or fewer than were planned, in a few words.
    var note: String?

    init(_ backend: Backend, _ scenario: BenchScenario) {
        self.backend = "\(backend)"
        connections = scenario.active
        idleConnections = scenario.idle
    }

    /// The median over the rounds; `nil` when there are none.
    var median: BenchMedian? { rounds.isEmpty ? nil : BenchMedian(rounds) }

    private enum CodingKeys: String, CodingKey {
        case backend, connections, idleConnections, rounds, note, median
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(backend, forKey: .backend)
        try values.encode(connections, forKey: .connections)
        try values.encode(idleConnections, forKey: .idleConnections)
        try values.encode(rounds, forKey: .rounds)
        try values.encodeIfPresent(note, forKey: .note)
        try values.encodeIfPresent(median, forKey: .median)
    }
}

/// The medians of some rounds, each figure for itself.
struct BenchMedian: Encodable, Equatable {
    let messagesPerSecond: Double
    let p50Nanoseconds: Double
    let p99Nanoseconds: Double
    let p999Nanoseconds: Double
    let serverCPUMicrosecondsPerMessage: Double

    /// - Parameter rounds: at least one.
    init(_ rounds: [BenchFigures]) {
        messagesPerSecond = Self.median(rounds.map(\.messagesPerSecond))
        p50Nanoseconds = Self.median(rounds.map { Double($0.p50Nanoseconds) })
        p99Nanoseconds = Self.median(rounds.map { Double($0.p99Nanoseconds) })
        p999Nanoseconds = Self.median(rounds.map { Double($0.p999Nanoseconds) })
        serverCPUMicrosecondsPerMessage = Self.median(rounds.map(\.serverCPUMicrosecondsPerMessage))
    }

    /// The middle value, or the mean of the two in the middle.
    static func median(_ values: [Double]) -> Double {
        precondition(!values.isEmpty, "nothing has no median")
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}

/// All that a bench found, and on what.
struct BenchReport: Encodable {
    let machine: BenchMachine
    let messageSize = BenchPlan.messageSize
    let sampleSeconds: Double
    let roundsPlanned: Int
    let leftOut: String?
    /// In the order of the scenarios, and in each of the back ends.
    var cells: [BenchCell]
    /// What went wrong, a line a sample.
    var failures: [String] = []

    init(_ plan: BenchPlan, on machine: BenchMachine) {
        self.machine = machine
        sampleSeconds = plan.duration / .seconds(1)
        roundsPlanned = plan.rounds
        leftOut = plan.leftOut
        cells = plan.scenarios.flatMap { scenario in plan.backends.map { BenchCell($0, scenario) } }
    }
}
