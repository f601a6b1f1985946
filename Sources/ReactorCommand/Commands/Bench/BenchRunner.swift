// The run of a benchmark: rounds of scenarios of back ends, one sample after another, so that other work on the machine
// affects all back ends alike.

import Reactor

/// The runner of a plan.
struct BenchRunner {
    let plan: BenchPlan
    let machine: BenchMachine
    /// Receives the progress.
    let progress: BenchProgress
    private let processes: BenchProcesses

    init(_ plan: BenchPlan, on machine: BenchMachine, _ progress: BenchProgress) {
        self.plan = plan
        self.machine = machine
        self.progress = progress
        processes = BenchProcesses(serverProcessor: machine.serverProcessor, loadProcessor: machine.loadProcessor)
    }

    /// Takes all samples. A failed sample is recorded, and the run continues.
    ///
    /// - Throws: `SocketError` when a selector cannot be created, `CancellationError` when the task is cancelled.
    func run() async throws -> BenchReport {
        var report = BenchReport(plan, on: machine)
        let start = ContinuousClock.now
        let descriptorLimits = try plan.backends.map(Self.descriptorLimit)
        var sample = 0
        for round in 1...plan.rounds {
            for (row, scenario) in plan.scenarios.enumerated() {
                for (column, backend) in plan.backends.enumerated() {
                    let cell = row * plan.backends.count + column
                    sample += 1
                    try Task.checkCancellation()
                    if let obstacle = BenchPlan.obstacle(
                        to: scenario, descriptorLimit: descriptorLimits[column], descriptors: machine.descriptors)
                    {
                        report.cells[cell].note = obstacle
                        continue
                    }
                    if let patience = plan.patience, ContinuousClock.now - start > patience {
                        report.cells[cell].note = "skipped: time limit reached"
                        continue
                    }
                    let name = "round \(round), \(scenario.title), \(backend)"
                    progress.began(name, sample, of: plan.samples)
                    do {
                        let figures = try await processes.sample(scenario, backend, for: plan.duration).figures
                        report.cells[cell].rounds.append(figures)
                        progress.ended(name, figures)
                    } catch {
                        if Task.isCancelled { throw CancellationError() }
                        report.cells[cell].note = "failed"
                        report.failures.append("\(name): \(error)")
                    }
                }
            }
        }
        return report
    }

    private static func descriptorLimit(of backend: Backend) throws -> Int? {
        let loop = try EventLoop(backend: backend)
        defer { loop.shutdown() }
        return loop.capabilities.descriptorLimit
    }
}
