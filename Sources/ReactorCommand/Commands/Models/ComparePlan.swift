// The plan of a comparison of the models: values only.

import ServerModels

/// The plan of a comparison.
struct ComparePlan: Sendable {
    /// The number of concurrent connections in the measurement of short connections.
    static let churning = 16
    /// The number of stalled clients in the second trial: more than prefork has workers.
    static let manyStalled = 16
    /// How long silent connections are held to measure idle CPU time.
    static let restTime = Duration.milliseconds(200)

    var models = ServerModel.all
    /// Whether to measure UDP instead of TCP: messages only, because without connections none can be held or stall.
    var isDatagram = false
    /// The number of connections that exchange messages, if the model serves that many at once.
    var connections = 64
    /// The number of connections that are opened to see how many are served at once.
    var held = 1_000
    var rounds = 3
    /// The duration of a sample.
    var duration = Duration.seconds(1)
    /// The time without a reply after which a client counts as not served.
    var responseTime = Duration.seconds(1)
    /// The time after which no further sample is started.
    var patience = Duration.seconds(170)
    /// What the plan omits of the full comparison, as text for the reader.
    var leftOut: String?

    /// A comparison that takes less than half a minute.
    static var quick: ComparePlan {
        var plan = ComparePlan()
        plan.held = 200
        plan.rounds = 1
        plan.duration = .milliseconds(250)
        plan.responseTime = .milliseconds(500)
        plan.patience = .seconds(27)
        plan.leftOut = "2 of 3 rounds, 0.75 s of the 1 s of each sample, 800 of 1,000 held; the figures are rough"
        return plan
    }

    /// The number of steps per run: for each model one look and two samples per round; with UDP one sample per round.
    var steps: Int { models.count * (isDatagram ? rounds : 1 + 2 * rounds) }

    /// Returns the command line of a model's server.
    func server(_ model: ServerModel) -> [String] {
        if isDatagram { return ["models", "--model", "\(model)", "--udp"] }
        // More than are held, so that the limit does not keep out the client that asks beside them.
        let limit = max(held, connections, Self.manyStalled) + 8
        return ["models", "--model", "\(model)", "--max-connections", "\(limit)", "--backlog", "4096"]
    }
}
