// A server's output: lines on standard output, reports and traces on standard error. Writing never blocks its loop.

import Reactor
import Synchronization

/// The output streams of a server. Lines keep their order within a stream; lines that a slow reader does not take are
/// dropped and counted (``LogQueue``). All functions may be called on any thread.
enum ServerLog {
    private static let isUsed = Atomic(false)
    private static let countsInJSON = Atomic(false)
    private static let output = LogQueue(to: .standardOutput) { lines, reason in
        countsInJSON.load(ordering: .relaxed)
            ? #"{"event":"lost","lines":\#(lines),"reason":"\#(reason)"}"# : LogQueue.report(lines, reason)
    }
    private static let errors = LogQueue(to: .standardError) { "reactor: " + LogQueue.report($0, $1) }

    /// Whether this process is a server that has written a line.
    static var isInUse: Bool { isUsed.load(ordering: .relaxed) }

    /// Switches standard output to JSON, so that the line which reports dropped lines is JSON too.
    static func useJSON() { countsInJSON.store(true, ordering: .relaxed) }

    /// Writes one or more lines to standard output.
    static func print(_ line: String) {
        isUsed.store(true, ordering: .relaxed)
        output.write(line)
    }

    /// Writes a line of the trace to standard error.
    static func trace(_ line: String) {
        isUsed.store(true, ordering: .relaxed)
        errors.write(line)
    }

    /// Writes a report for the operator to standard error, prefixed with `reactor: `.
    static func report(_ line: some CustomStringConvertible) { trace("reactor: \(line)") }

    /// Flushes both streams, and reports on standard output how many lines of standard error were lost. Waits at most one
    /// second in total, because a reader may have stopped reading.
    static func finish() {
        guard isInUse else { return }
        let end = ContinuousClock.now + .seconds(1)
        errors.flush(within: max(.zero, ContinuousClock.now.duration(to: end)))
        let lost = errors.losses.dropped + errors.losses.failed
        if lost > 0 {
            let isJSON = countsInJSON.load(ordering: .relaxed)
            output.write(
                isJSON
                    ? #"{"event":"lost","lines":\#(lost),"reason":"standard error was not read"}"#
                    : LogQueue.report(lost, "lost: standard error was not read"))
        }
        output.flush(within: max(.zero, ContinuousClock.now.duration(to: end)))
    }
}
