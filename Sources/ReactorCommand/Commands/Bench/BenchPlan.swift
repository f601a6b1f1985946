// What a bench is going to do, before it begins: values only.

import Reactor

/// The plan of a bench.
struct BenchPlan: Sendable {
    /// Bytes of a message.
    static let messageSize = 64
    /// Descriptors that a server or a load may need besides its connections.
    static let descriptorReserve = 32

    var backends: [Backend] = [.select, .poll, .epoll(.levelTriggered), .epoll(.edgeTriggered)]
    var scenarios = BenchScenario.all
    var rounds = 3
    /// How long messages are sent in a sample.
    var duration = Duration.seconds(2)
    /// After so long no other sample is begun.
    var patience: Duration?
    /// What was left out of the full bench, for the reader.
    var leftOut: String?

    /// A bench that ends in under a minute.
    static var quick: BenchPlan {
        var plan = BenchPlan()
        plan.rounds = 1
        plan.duration = .milliseconds(700)
        plan.patience = .seconds(45)
        plan.leftOut = "2 of 3 rounds, and 1.3 s of the 2 s of each sample: the figures are rough"
        return plan
    }

    /// How many samples it takes, those that cannot be taken included.
    var samples: Int { backends.count * scenarios.count * rounds }

    /// The descriptors that one process has to open at most.
    var descriptors: Int { (scenarios.map(\.connections).max() ?? 0) + Self.descriptorReserve }

    /// Why this back end cannot be measured in this scenario, in a few words; `nil` when it can.
    ///
    /// - Parameters:
    ///   - descriptorLimit: the back end takes descriptors below this number only; `nil` when any.
    ///   - descriptors: how many a process may open.
    static func obstacle(to scenario: BenchScenario, descriptorLimit: Int?, descriptors: Int) -> String? {
        let needed = scenario.connections + descriptorReserve
        if let descriptorLimit, needed > descriptorLimit { return "descriptors end at \(descriptorLimit.grouped)" }
        if needed > descriptors {
            return "needs \(needed.grouped) descriptors, 'ulimit -n' is \(descriptors.grouped)"
        }
        return nil
    }
}
