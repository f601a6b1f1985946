// One sample: a fresh server, the idle connections, and a load.

import Reactor

extension BenchProcesses {
    /// Takes one sample of a back end in a scenario.
    ///
    /// - Returns: The figures, and how many processors other processes used meanwhile; 0 where that is unknown.
    /// - Throws: ``CommandFailure`` when a process fails, connections are lost, or no message comes back.
    func sample(
        _ scenario: BenchScenario, _ backend: Backend, for duration: Duration
    ) async throws -> (figures: BenchFigures, others: Double) {
        try await withServer(backend, connections: scenario.connections) { server in
            try await withIdleConnections(scenario.idle, to: server) {
                let earlier = ProcessorUse.now()
                guard let before = server.status.cpuTime() else { throw CommandFailure("the server has ended") }
                let load = try await load(server, connections: scenario.active, for: duration)
                guard let after = server.status.cpuTime() else { throw CommandFailure("the server has ended") }
                let figures = try BenchFigures(load, serverTime: after - before, connections: scenario.active)
                let own = after - before + Int64(figures.loadCPUMicrosecondsPerMessage * Double(load.messages) * 1e3)
                return (figures, earlier.flatMap { ProcessorUse.now()?.others(since: $0, own: own) } ?? 0)
            }
        }
    }
}
