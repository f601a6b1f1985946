// What a comparison of the models found: for the tables, and as JSON. The keys of the JSON are part of the command's
// interface: Benchmarks/models reads them.

import ServerModels

/// What came of a client that asked beside others that stall.
struct StallFinding: Encodable, Sendable, Equatable {
    let kind: StallProbe.Kind
    let stalled: Int
    /// From the client's connect to its answer; left out when there was none in time.
    let answerMicroseconds: Double?
}

/// What a look at a model found, once.
struct ModelLook: Encodable, Sendable, Equatable {
    /// Connections that were opened, and of these those that were answered while all were open.
    let heldAsked: Int
    let servedAtOnce: Int
    /// Without any connection, and with those that were served.
    let atRest: ProcessTreeUsage
    let holding: ProcessTreeUsage
    /// Of one processor, while these connections were silent.
    let restCPUPercent: Double
    let stalls: [StallFinding]
}

/// One sample of short connections: connect, one message, its echo, close.
struct ChurnFigures: Encodable, Sendable, Equatable {
    let connectionsPerSecond: Double
    let p50Nanoseconds: Int
    let p99Nanoseconds: Int
    let serverCPUMicrosecondsPerConnection: Double
}

/// All that was found about one model.
struct ModelFindings: Encodable {
    let model: String
    let summary: String
    let explanation: String
    var look: ModelLook?
    /// Connections that exchanged messages: as many as planned, or as are served at once.
    var connections = 0
    /// In the order of the rounds.
    var rounds: [BenchFigures] = []
    var shortConnections: [ChurnFigures] = []
    /// Why something is missing, in a few words.
    var note: String?

    init(_ model: ServerModel) {
        self.model = "\(model)"
        summary = model.summary
        explanation = model.explanation
    }

    /// The median over the rounds; `nil` when there are none.
    var median: BenchMedian? { rounds.isEmpty ? nil : BenchMedian(rounds) }
    /// The median of the rates of short connections; `nil` when there are none.
    var shortConnectionsPerSecond: Double? {
        shortConnections.isEmpty ? nil : BenchMedian.median(shortConnections.map(\.connectionsPerSecond))
    }
    /// Memory for one connection that is served, in KiB.
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

/// All that a comparison found, and on what.
struct CompareReport: Encodable {
    let machine: BenchMachine
    let messageSize = BenchPlan.messageSize
    let sampleSeconds: Double
    let roundsPlanned: Int
    let connectionsPlanned: Int
    /// Whether it was UDP.
    let isDatagram: Bool
    let leftOut: String?
    var models: [ModelFindings]
    /// What went wrong, a line a sample.
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
