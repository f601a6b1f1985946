// The run of `reactor bench curve`: rounds of places of back ends, one sample after another on a fresh server.

import Reactor
import Synchronization

/// The runner of a plan.
struct CurveRunner: Sendable {
    let plan: CurvePlan
    let machine: BenchMachine
    let isVerbose: Bool
    private let processes: BenchProcesses

    init(_ plan: CurvePlan, on machine: BenchMachine, isVerbose: Bool) {
        self.plan = plan
        self.machine = machine
        self.isVerbose = isVerbose
        processes = BenchProcesses(serverProcessor: machine.serverProcessor, loadProcessor: machine.loadProcessor)
    }

    /// Takes all samples, and keeps the report up to date with each. A failed sample is recorded.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    func run(into report: borrowing Mutex<FigureReport>) async throws {
        let progress = BenchProgress(isVerbose: isVerbose)
        defer { progress.clear() }
        let start = ContinuousClock.now
        var sample = 0
        for round in 0..<plan.rounds {
            for connections in plan.connections {
                for panel in plan.active.indices {
                    guard let scenario = plan.scenario(panel, connections) else { continue }
                    // Every round begins with another back end, because the machine drifts within a round too.
                    for step in plan.backends.indices {
                        try Task.checkCancellation()
                        let line = (step + round) % plan.backends.count
                        let backend = plan.backends[line]
                        sample += 1
                        if plan.obstacle(to: backend, connections) != nil { continue }
                        let name = "round \(round + 1), \(scenario.title), \(CurvePlan.name(backend))"
                        let left = Self.left(sample - 1, of: plan.samples, since: start)
                        progress.began(name + left, sample, of: plan.samples)
                        do {
                            let (value, disturbed) = try await steadySample(scenario, backend)
                            report.withLock {
                                $0.figures[0].panels[panel].lines[line]
                                    .add(value, at: Double(connections), disturbed: disturbed)
                            }
                            progress.ended("\(name): \(FigureText.number(value)) us per message")
                        } catch {
                            if Task.isCancelled { throw CancellationError() }
                            report.withLock { $0.failures.append("\(name): \(error)") }
                        }
                    }
                }
            }
        }
    }

    /// The time that is probably left, as text for the progress line.
    private static func left(_ done: Int, of all: Int, since start: ContinuousClock.Instant) -> String {
        guard done >= 5 else { return "" }
        let seconds = (ContinuousClock.now - start) / .seconds(1) * Double(all - done) / Double(done)
        return seconds < 90 ? ", \(Int(seconds)) s left" : ", \(Int((seconds / 60).rounded())) min left"
    }

    /// Takes a sample; takes it again when other processes disturbed it, and keeps the least disturbed.
    private func steadySample(_ scenario: BenchScenario, _ backend: Backend) async throws -> (Double, Int) {
        var best: (value: Double, others: Double)?
        for attempt in 0...plan.repetitions {
            let (figures, others) = try await processes.sample(scenario, backend, for: plan.duration)
            let value = figures.serverCPUMicrosecondsPerMessage
            if others < best?.others ?? .infinity { best = (value, others) }
            if others <= CurvePlan.disturbance { return (value, attempt) }
        }
        return (best?.value ?? 0, plan.repetitions)
    }
}

extension FigureLine {
    /// Adds a sample to the point at a place, which was taken again `disturbed` times.
    mutating func add(_ value: Double, at x: Double, disturbed: Int) {
        add(value, at: x)
        guard disturbed > 0, let index = points.lastIndex(where: { $0.x == x }) else { return }
        points[index].disturbed = (points[index].disturbed ?? 0) + disturbed
    }
}
