// The plan of a benchmark: values only.

import Reactor

/// The plan of a benchmark.
struct BenchPlan: Sendable {
    /// Bytes per message.
    static let messageSize = 64
    /// Descriptors that a server or a load needs besides its connections.
    static let descriptorReserve = 32

    var backends: [Backend] = [.select, .poll, .epoll(.levelTriggered), .epoll(.edgeTriggered)]
    var scenarios = BenchScenario.all
    var rounds = 3
    /// The duration of a sample.
    var duration = Duration.seconds(2)
    /// The time after which no further sample is started; `nil` for no limit.
    var patience: Duration?
    /// What the plan omits of the full benchmark, as text for the reader.
    var leftOut: String?

    /// A benchmark that takes less than a minute.
    static var quick: BenchPlan {
        var plan = BenchPlan()
        plan.rounds = 1
        plan.duration = .milliseconds(700)
        plan.patience = .seconds(45)
        plan.leftOut = "2 of 3 rounds, and 1.3 s of the 2 s of each sample; the figures are rough"
        return plan
    }

    /// The number of samples, including those that cannot be taken.
    var samples: Int { backends.count * scenarios.count * rounds }

    /// The largest number of descriptors that one process needs.
    var descriptors: Int { (scenarios.map(\.connections).max() ?? 0) + Self.descriptorReserve }

    /// Returns why a back end cannot be measured in a scenario, in a few words; `nil` if it can.
    ///
    /// - Parameters:
    ///   - scenario: the scenario.
    ///   - descriptorLimit: the back end accepts only descriptors below this number; `nil` for any.
    ///   - descriptors: the number of descriptors that a process may open.
    static func obstacle(to scenario: BenchScenario, descriptorLimit: Int?, descriptors: Int) -> String? {
        let needed = scenario.connections + descriptorReserve
        if let descriptorLimit, needed > descriptorLimit { return "limited to \(descriptorLimit.grouped) descriptors" }
        if needed > descriptors {
            return "needs \(needed.grouped) descriptors, 'ulimit -n' is \(descriptors.grouped)"
        }
        return nil
    }
}
