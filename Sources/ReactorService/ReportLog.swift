// What a service gives swift-log and swift-metrics. Their back ends may be slow, or block; neither a loop nor a thread of
// Swift's concurrency pool may: work for them is left here, and a thread of its own does it. When more comes than is done,
// what is new is dropped and counted.

import Logging
import Reactor

/// Work that waits for a log or for metrics.
final class ReportLog: Sendable {
    private static let capacity = 64

    private let logger: Logger
    private let thread: WriterThread<@Sendable () -> Void>

    init(_ logger: Logger) {
        self.logger = logger
        thread = WriterThread(named: "log", capacity: Self.capacity) { work, dropped in
            for each in work { each() }
            if dropped > 0 { logger.warning("\(dropped) reports were dropped, because this log is too slow") }
        }
    }

    /// Takes a loop's report. On any thread; never waits.
    func take(_ report: LoopReport) {
        perform { [logger] in logger.warning("\(report)", metadata: ["kind": "\(report.kind)"]) }
    }

    /// Logs a line. On any thread; never waits.
    func info(_ line: String, _ metadata: Logger.Metadata) {
        perform { [logger] in logger.info("\(line)", metadata: metadata) }
    }

    /// Does something that may block. On any thread; never waits.
    func perform(_ work: @escaping @Sendable () -> Void) { thread.append(work) }

    /// Waits until all is done, but no longer than a second: a log that blocks must not keep the service from ending.
    func finish() async {
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        perform { end.finish() }
        // In a task of its own: the service's may be cancelled, and its last lines are to be written nevertheless.
        await Task {
            await withTaskGroup { group in
                group.addTask { for await _ in ends {} }
                group.addTask { try? await Task.sleep(for: .seconds(1)) }  // cancelled when the log is done
                await group.next()
                group.cancelAll()
            }
        }.value
    }
}
