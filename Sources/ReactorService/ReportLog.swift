// What loops report on its way to a log. A log may be slow, or block; a loop must not: it leaves its report here and goes
// on, and when more come than are written, the oldest are dropped and counted.

import Logging
import Reactor
import Synchronization

/// Reports that wait to be logged.
final class ReportLog: Sendable {
    private static let capacity = 64

    private let logger: Logger
    private let reports: AsyncStream<LoopReport>
    private let input: AsyncStream<LoopReport>.Continuation
    private let dropped = Atomic<Int>(0)

    init(_ logger: Logger) {
        self.logger = logger
        (reports, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.capacity))
    }

    /// Takes a report. On any thread; never waits.
    func take(_ report: LoopReport) {
        if case .dropped = input.yield(report) { dropped.add(1, ordering: .relaxed) }
    }

    /// Nothing more will come.
    func finish() { input.finish() }

    /// Logs what comes, until ``finish()``.
    func write() async {
        for await report in reports {
            logger.warning("\(report)", metadata: ["kind": "\(report.kind)"])
            let lost = dropped.exchange(0, ordering: .relaxed)
            if lost > 0 { logger.warning("\(lost) reports were dropped, because this log is too slow") }
        }
    }
}
