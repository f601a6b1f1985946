// The run of a comparison: first a look at each model, then rounds of samples, one model after another, so that other
// work on the machine affects all models alike. Every step starts a fresh server process.

import LoadGenerator
import Reactor
import ServerModels

/// The runner of a plan.
struct CompareRunner {
    let plan: ComparePlan
    let machine: BenchMachine
    /// Receives the progress.
    let progress: BenchProgress
    private let processes: BenchProcesses

    init(_ plan: ComparePlan, on machine: BenchMachine, _ progress: BenchProgress) {
        self.plan = plan
        self.machine = machine
        self.progress = progress
        processes = BenchProcesses(serverProcessor: machine.serverProcessor, loadProcessor: machine.loadProcessor)
    }

    /// Takes all steps. A failed step is recorded, and the run continues.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    func run() async throws -> CompareReport {
        var report = CompareReport(plan, on: machine)
        let start = ContinuousClock.now
        var step = 0
        func take(_ index: Int, _ name: String, _ body: (inout ModelFindings) async throws -> Void) async throws {
            step += 1
            try Task.checkCancellation()
            if ContinuousClock.now - start > plan.patience {
                report.models[index].note = "skipped: time limit reached"
                return
            }
            let title = "\(plan.models[index]): \(name)"
            progress.began(title, step, of: plan.steps)
            do {
                try await body(&report.models[index])
                progress.ended(title)
            } catch {
                if Task.isCancelled { throw CancellationError() }
                report.models[index].note = "failed"
                report.failures.append("\(title): \(error)")
            }
        }
        for index in plan.models.indices where !plan.isDatagram {
            try await take(index, "clients at once, and clients that stall") { findings in
                findings.look = try await look(at: plan.models[index])
            }
        }
        for round in 1...plan.rounds {
            for index in plan.models.indices {
                try await take(index, "round \(round), messages") { findings in
                    let served = plan.isDatagram ? plan.connections : findings.look?.servedAtOnce ?? 0
                    let connections = min(plan.connections, served)
                    if connections == 0 { return }
                    findings.connections = connections
                    findings.rounds.append(try await measure(plan.models[index], connections))
                }
                if plan.isDatagram { continue }
                try await take(index, "round \(round), short connections") { findings in
                    findings.shortConnections.append(try await churn(plan.models[index]))
                }
            }
        }
        return report
    }

    private func look(at model: ServerModel) async throws -> ModelLook {
        var (rest, holding) = (ProcessTreeUsage?.none, ProcessTreeUsage?.none)
        var (served, cpu) = (0, Duration.zero)
        // A fresh server for the held connections and for each trial, so that no state is left from the one before.
        try await processes.withServer(plan.server(model)) { server in
            let tree = ProcessTree(root: server.status)
            // Workers start after the `listening on` line is printed.
            try await Task.sleep(for: .milliseconds(30))
            rest = tree.usage()
            let address = try SocketAddress(server.address)
            var before: Int64?
            var after: Int64?
            served = try HeldConnections.hold(
                plan.held, to: address, patience: plan.responseTime, for: ComparePlan.restTime,
                begin: {
                    holding = tree.usage()
                    before = tree.cpuTime()
                }, end: { after = tree.cpuTime() })
            if let before, let after { cpu = .nanoseconds(after - before) }
        }
        guard let rest, let holding else { throw CommandFailure("no connection was served") }
        var stalls: [StallFinding] = []
        let trials: [(Int, StallProbe.Kind)] = [(1, .silent), (ComparePlan.manyStalled, .silent), (1, .unread)]
        for (stalled, kind) in trials {
            stalls.append(
                try await processes.withServer(plan.server(model)) { server in
                    let probe = StallProbe(address: try SocketAddress(server.address), patience: plan.responseTime)
                    return StallFinding(
                        kind: kind, stalled: stalled,
                        responseMicroseconds: try probe.responseMicroseconds(beside: stalled, kind))
                })
        }
        return ModelLook(
            heldAsked: plan.held, servedAtOnce: served, atRest: rest, holding: holding,
            restCPUPercent: cpu / ComparePlan.restTime * 100, stalls: stalls)
    }

    private func measure(_ model: ServerModel, _ connections: Int) async throws -> BenchFigures {
        let (load, time) = try await loaded(model, connections, plan.isDatagram ? .datagrams : .echo)
        return try BenchFigures(load, serverTime: time, connections: connections)
    }

    private func churn(_ model: ServerModel) async throws -> ChurnFigures {
        let (load, time) = try await loaded(model, ComparePlan.churning, .churn)
        guard let latency = load.latency, load.messages > 0 else { throw CommandFailure("no message came back") }
        return ChurnFigures(
            connectionsPerSecond: load.messagesPerSecond, p50Nanoseconds: latency.p50Nanoseconds,
            p99Nanoseconds: latency.p99Nanoseconds,
            serverCPUMicrosecondsPerConnection: Double(time) / 1e3 / Double(load.messages))
    }

    /// Puts a load on a model and returns its result, with the CPU time of the server and its children in nanoseconds.
    private func loaded(
        _ model: ServerModel, _ connections: Int, _ mode: LoadMode
    ) async throws -> (BenchProcesses.LoadFindings, Int64) {
        try await processes.withServer(plan.server(model)) { server in
            let tree = ProcessTree(root: server.status)
            try await Task.sleep(for: .milliseconds(30))
            let count = tree.count
            guard let before = tree.cpuTime() else { throw CommandFailure("the server has ended") }
            let load = try await processes.load(server, connections: connections, for: plan.duration, mode: mode)
            try await tree.settle(to: count)
            guard let after = tree.cpuTime() else { throw CommandFailure("the server has ended") }
            return (load, after - before)
        }
    }
}
