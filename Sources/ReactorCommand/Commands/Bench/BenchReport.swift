// The results of a benchmark, with every round, for the table and as JSON. The JSON keys are part of the command's
// interface, as those of `reactor load` are.

import Reactor

/// The figures of one sample: one load on one fresh server.
struct BenchFigures: Encodable, Sendable, Equatable {
    let messages: Int
    let messagesPerSecond: Double
    let p50Nanoseconds: Int
    let p99Nanoseconds: Int
    let p999Nanoseconds: Int
    let maxNanoseconds: Int
    /// The server's user and system time per message, from before the load connected until it had closed.
    let serverCPUMicrosecondsPerMessage: Double
    /// The load's user and system time per message, while it measured.
    let loadCPUMicrosecondsPerMessage: Double
}

extension BenchFigures {
    /// Computes the figures of a load.
    ///
    /// - Parameters:
    ///   - load: the result of the load.
    ///   - serverTime: the server's CPU time in nanoseconds, from before the load connected until it had closed.
    ///   - connections: the number of connections that must have held to the end.
    /// - Throws: ``CommandFailure`` when connections were lost or no message came back.
    init(_ load: BenchProcesses.LoadFindings, serverTime: Int64, connections: Int) throws {
        guard load.connectionsLeft == connections else {
            throw CommandFailure("only \(load.connectionsLeft) of \(connections) connections held to the end")
        }
        guard let latency = load.latency, load.messages > 0 else { throw CommandFailure("no message came back") }
        // The server's time includes the first message of each connection, which the load does not count.
        let messages = Double(load.messages + load.connectionsMade)
        self.init(
            messages: load.messages, messagesPerSecond: load.messagesPerSecond, p50Nanoseconds: latency.p50Nanoseconds,
            p99Nanoseconds: latency.p99Nanoseconds, p999Nanoseconds: latency.p999Nanoseconds,
            maxNanoseconds: latency.maxNanoseconds,
            serverCPUMicrosecondsPerMessage: Double(serverTime) / 1e3 / messages,
            loadCPUMicrosecondsPerMessage: load.cpuMicrosecondsPerMessage ?? 0)
    }
}

/// The results of one back end in one scenario.
struct BenchCell: Encodable {
    let backend: String
    let connections: Int
    let idleConnections: Int
    /// In the order of the rounds.
    var rounds: [BenchFigures] = []
    /// Why there are fewer rounds than planned, in a few words; `nil` if all were measured.
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

/// The medians over several rounds, computed for each figure separately.
struct BenchMedian: Encodable, Equatable {
    let messagesPerSecond: Double
    let p50Nanoseconds: Double
    let p99Nanoseconds: Double
    let p999Nanoseconds: Double
    let serverCPUMicrosecondsPerMessage: Double

    /// Computes the medians.
    ///
    /// - Parameter rounds: at least one round.
    init(_ rounds: [BenchFigures]) {
        messagesPerSecond = Self.median(rounds.map(\.messagesPerSecond))
        p50Nanoseconds = Self.median(rounds.map { Double($0.p50Nanoseconds) })
        p99Nanoseconds = Self.median(rounds.map { Double($0.p99Nanoseconds) })
        p999Nanoseconds = Self.median(rounds.map { Double($0.p999Nanoseconds) })
        serverCPUMicrosecondsPerMessage = Self.median(rounds.map(\.serverCPUMicrosecondsPerMessage))
    }

    /// Returns the middle value, or the mean of the two middle values.
    static func median(_ values: [Double]) -> Double {
        precondition(!values.isEmpty, "the median of no values is undefined")
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}

/// The results of a benchmark, and the machine.
struct BenchReport: Encodable {
    let machine: BenchMachine
    let messageSize = BenchPlan.messageSize
    let sampleSeconds: Double
    let roundsPlanned: Int
    let leftOut: String?
    /// Ordered by scenario, then by back end.
    var cells: [BenchCell]
    /// The errors, a line per failed sample.
    var failures: [String] = []

    init(_ plan: BenchPlan, on machine: BenchMachine) {
        self.machine = machine
        sampleSeconds = plan.duration / .seconds(1)
        roundsPlanned = plan.rounds
        leftOut = plan.leftOut
        cells = plan.scenarios.flatMap { scenario in plan.backends.map { BenchCell($0, scenario) } }
    }
}
