// The statistics of a server for swift-metrics: increments since the last report go to counters, the current number of
// connections to a meter. They are collected at an interval, so the message path does no work for them.

import Metrics
import Reactor
import Synchronization

/// The metrics of a server.
///
/// | label | kind |
/// |---|---|
/// | `reactor_connections` | meter: open connections |
/// | `reactor_connections_opened_total`, `…_closed_total`, `…_refused_total` | counters |
/// | `reactor_received_bytes_total`, `reactor_sent_bytes_total` | counters |
/// | `reactor_handler_errors_total`, `reactor_slow_callbacks_total` | counters |
/// | `reactor_accept_pauses_total`, `reactor_pressure_pauses_total` | counters |
/// | `reactor_stale_events_total`, `reactor_turns_total` | counters |
///
/// Each loop reports its own, with the dimensions `server` (the service's label), `loop` (its number, from 1) and
/// `backend`.
final class ServerMetrics: Sendable {
    private let loops: [LoopMetrics]

    init(_ factory: any MetricsFactory, server: String, backend: String, loops count: Int) {
        loops = (1...max(1, count)).map {
            LoopMetrics(factory, [("server", server), ("loop", "\($0)"), ("backend", backend)])
        }
    }

    /// Reports the server's statistics at an interval, until the task is cancelled.
    func report(on server: ServerHandle, every interval: Duration, through log: ReportLog) async {
        while !Task.isCancelled {
            let statistics = await withCheckedContinuation { answer in
                server.collectStatistics { answer.resume(returning: $0) }
            }
            log.perform { [self] in report(statistics) }
            try? await Task.sleep(for: interval)  // when cancelled, the loop ends
        }
    }

    /// Reports the increments since the last report. Called on one thread at a time, which a metrics back end may
    /// block.
    func report(_ statistics: ServerStatistics) {
        for (metrics, values) in zip(loops, statistics.loops) { metrics.report(values) }
    }
}

/// The metrics of one loop.
private final class LoopMetrics: Sendable {
    private let connections: Meter
    private let counters: [(counter: Counter, value: @Sendable (LoopStatistics) -> Int)]
    private let last = Mutex(LoopStatistics())

    init(_ factory: any MetricsFactory, _ dimensions: [(String, String)]) {
        let values: [(String, @Sendable (LoopStatistics) -> Int)] = [
            ("connections_opened", { $0.connectionsOpened }),
            ("connections_closed", { $0.connectionsClosed }),
            ("connections_refused", { $0.connectionsRefused }),
            ("received_bytes", { $0.bytesReceived }),
            ("sent_bytes", { $0.bytesSent }),
            ("handler_errors", { $0.handlerErrors }),
            ("slow_callbacks", { $0.slowCallbacks }),
            ("accept_pauses", { $0.acceptPauses }),
            ("pressure_pauses", { $0.pressurePauses }),
            ("stale_events", { $0.staleEvents }),
            ("turns", { $0.turns }),
        ]
        connections = Meter(label: "reactor_connections", dimensions: dimensions, factory: factory)
        counters = values.map {
            (Counter(label: "reactor_\($0.0)_total", dimensions: dimensions, factory: factory), $0.1)
        }
    }

    /// Reports the increments since the last report.
    func report(_ statistics: LoopStatistics) {
        let before = last.withLock { last in
            defer { last = statistics }
            return last
        }
        for (counter, value) in counters { counter.increment(by: value(statistics) - value(before)) }
        connections.set(statistics.connectionsOpened - statistics.connectionsClosed)
    }
}
