// The results of a comparison of the models, for the tables and as JSON. The JSON keys are part of the command's
// interface: Benchmarks/models reads them.

import ServerModels

/// The result for a client that asks while others stall.
struct StallFinding: Encodable, Sendable, Equatable {
    let kind: StallProbe.Kind
    let stalled: Int
    /// The time from the client's connect to its reply; omitted if none came in time.
    let responseMicroseconds: Double?
}

/// The results of the single look at a model.
struct ModelLook: Encodable, Sendable, Equatable {
    /// The number of connections that were opened, and of those that were served while all were open.
    let heldAsked: Int
    let servedAtOnce: Int
    /// The usage without connections, and with those that were served.
    let atRest: ProcessTreeUsage
    let holding: ProcessTreeUsage
    /// The percentage of one processor that was used while these connections were silent.
    let restCPUPercent: Double
    let stalls: [StallFinding]
}

/// The figures of one sample of short connections: connect, one message, its echo, close.
struct ChurnFigures: Encodable, Sendable, Equatable {
    let connectionsPerSecond: Double
    let p50Nanoseconds: Int
    let p99Nanoseconds: Int
    let serverCPUMicrosecondsPerConnection: Double
}

/// The results of one model.
struct ModelFindings: Encodable {
    let model: String
    let summary: String
    let explanation: String
    var look: ModelLook?
    /// The number of connections that exchanged messages: as planned, or fewer if fewer are served at once.
    var connections = 0
    /// The figures, in the order of the rounds.
    var rounds: [BenchFigures] = []
    var shortConnections: [ChurnFigures] = []
    /// Why results are missing, in a few words; `nil` if none are.
    var note: String?

    init(_ model: ServerModel) {
        self.model = "\(model)"
        summary = model.summary
        explanation = model.explanation
    }

    /// The medians over the rounds; `nil` if there are none.
    var median: BenchMedian? { rounds.isEmpty ? nil : BenchMedian(rounds) }
    /// The median rate of short connections; `nil` if there are none.
    var shortConnectionsPerSecond: Double? {
        shortConnections.isEmpty ? nil : BenchMedian.median(shortConnections.map(\.connectionsPerSecond))
    }
    /// The memory per served connection in KiB; `nil` if none was served.
    var memoryPerConnectionKiB: Double? {
        guard let look, look.servedAtOnce > 0 else { return nil }
        return Double(max(0, look.holding.memoryKiB - look.atRest.memoryKiB)) / Double(look.servedAtOnce)
    }

    private enum CodingKeys: String, CodingKey {
        case model, summary, explanation, look, connections, rounds, shortConnections, note
        case median, shortConnectionsPerSecond, memoryPerConnectionKiB
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(model, forKey: .model)
        try values.encode(summary, forKey: .summary)
        try values.encode(explanation, forKey: .explanation)
        try values.encodeIfPresent(look, forKey: .look)
        try values.encode(connections, forKey: .connections)
        try values.encode(rounds, forKey: .rounds)
        try values.encode(shortConnections, forKey: .shortConnections)
        try values.encodeIfPresent(note, forKey: .note)
        try values.encodeIfPresent(median, forKey: .median)
        try values.encodeIfPresent(shortConnectionsPerSecond, forKey: .shortConnectionsPerSecond)
        try values.encodeIfPresent(memoryPerConnectionKiB, forKey: .memoryPerConnectionKiB)
    }
}

/// The results of a comparison, and the machine.
struct CompareReport: Encodable {
    let machine: BenchMachine
    let messageSize = BenchPlan.messageSize
    let sampleSeconds: Double
    let roundsPlanned: Int
    let connectionsPlanned: Int
    /// Whether UDP was measured.
    let isDatagram: Bool
    let leftOut: String?
    var models: [ModelFindings]
    /// The errors, a line per failed sample.
    var failures: [String] = []

    init(_ plan: ComparePlan, on machine: BenchMachine) {
        self.machine = machine
        sampleSeconds = plan.duration / .seconds(1)
        roundsPlanned = plan.rounds
        connectionsPlanned = plan.connections
        isDatagram = plan.isDatagram
        leftOut = plan.leftOut
        models = plan.models.map(ModelFindings.init)
    }
}
