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
        plan.scenarios = BenchScenario.quick
        plan.rounds = 1
        plan.duration = .milliseconds(500)
        plan.patience = .seconds(45)
        plan.leftOut = "2 of 3 rounds, 1.5 s of 2 s of each sample, and 5,000 idle connections"
        return plan
    }

    /// How many samples it takes, those that cannot be taken included.
    var samples: Int { backends.count * scenarios.count * rounds }

    /// The descriptors that one process has to open at most.
    var descriptors: Int { (scenarios.map(\.connections).max() ?? 0) + Self.descriptorReserve }

    /// Why this back end cannot be measured in this scenario, in a few words; `nil` when it can.
    ///
    /// - Parameters:
    ///   - capabilities: those of the back end's selector.
    ///   - descriptors: how many a process may open.
    static func obstacle(
        to scenario: BenchScenario, _ capabilities: SelectorCapabilities, descriptors: Int
    ) -> String? {
        let needed = scenario.connections + descriptorReserve
        if let limit = capabilities.descriptorLimit, needed > limit { return "descriptors end at \(limit.grouped)" }
        if needed > descriptors {
            return "needs \(needed.grouped) descriptors, 'ulimit -n' is \(descriptors.grouped)"
        }
        return nil
    }
}
