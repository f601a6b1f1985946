// Deferred calls to swift-log and swift-metrics. Their back ends may block, and neither a loop nor a thread of Swift's
// concurrency pool may: calls are queued here, and a dedicated thread makes them. When the queue is full, new entries
// are dropped and counted.

import Logging
import Reactor

/// A queue of calls to a log or to metrics.
final class ReportLog: Sendable {
    private static let capacity = 64

    private let logger: Logger
    private let thread: WriterThread<@Sendable () -> Void>

    init(_ logger: Logger) {
        self.logger = logger
        thread = WriterThread(named: "log", capacity: Self.capacity) { work, dropped in
            for each in work { each() }
            if dropped > 0 { logger.warning("reports dropped because the back end is too slow: \(dropped)") }
        }
    }

    /// Logs a loop's report. Callable on any thread; never blocks.
    func take(_ report: LoopReport) {
        perform { [logger] in logger.warning("\(report)", metadata: ["kind": "\(report.kind)"]) }
    }

    /// Logs a line at level `info`. Callable on any thread; never blocks.
    func info(_ line: String, _ metadata: Logger.Metadata) {
        perform { [logger] in logger.info("\(line)", metadata: metadata) }
    }

    /// Queues work that may block. Callable on any thread; never blocks.
    func perform(_ work: @escaping @Sendable () -> Void) { thread.append(work) }

    /// Waits until the queue is empty, for one second at most: a log that blocks must not keep the service from ending.
    func finish() async {
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        perform { end.finish() }
        // In a separate task: the service's own may be cancelled, and its last lines are still to be written.
        await Task {
            await withTaskGroup { group in
                group.addTask { for await _ in ends {} }
                group.addTask { try? await Task.sleep(for: .seconds(1)) }  // cancelled once the log has finished
                await group.next()
                group.cancelAll()
            }
        }.value
    }
}
