// What a comparison of the models is going to do, before it begins: values only.

import ServerModels

/// The plan of a comparison.
struct ComparePlan: Sendable {
    /// Connections that come and go at once, when connections are short.
    static let churning = 16
    /// Clients that stall in the second trial: more than there are workers.
    static let manyStalled = 16
    /// How long silent connections are watched.
    static let restTime = Duration.milliseconds(200)

    var models = ServerModel.all
    /// UDP in place of TCP: messages only, because there is nobody to hold, and nobody who could stall.
    var isDatagram = false
    /// Connections that exchange messages, where so many are served at once.
    var connections = 64
    /// Connections that are opened to see how many are served at once.
    var held = 1_000
    var rounds = 3
    /// How long messages are sent in a sample, and connections made in another.
    var duration = Duration.seconds(1)
    /// After so long without an answer a client is not served.
    var answerTime = Duration.seconds(1)
    /// After so long no other sample is begun.
    var patience = Duration.seconds(170)
    /// What was left out of the full comparison, for the reader.
    var leftOut: String?

    /// A comparison that ends in under half a minute.
    static var quick: ComparePlan {
        var plan = ComparePlan()
        plan.held = 200
        plan.rounds = 1
        plan.duration = .milliseconds(250)
        plan.answerTime = .milliseconds(500)
        plan.patience = .seconds(27)
        plan.leftOut = "2 of 3 rounds, 0.75 s of the 1 s of each sample, 800 of 1,000 held: the figures are rough"
        return plan
    }

    /// How many steps it takes: a look at each model, and two samples in each round; with UDP one sample in each round.
    var steps: Int { models.count * (isDatagram ? rounds : 1 + 2 * rounds) }

    /// The command line of a model's server.
    func server(_ model: ServerModel) -> [String] {
        if isDatagram { return ["models", "--model", "\(model)", "--udp"] }
        // One more than are held: whoever asks beside them is not to be kept out by the limit.
        let limit = max(held, connections, Self.manyStalled) + 8
        return ["models", "--model", "\(model)", "--max-connections", "\(limit)", "--backlog", "4096"]
    }
}
