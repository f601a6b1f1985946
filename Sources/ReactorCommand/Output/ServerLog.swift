// What a server writes: lines on standard output, and reports and traces on standard error. Its loop never waits for them.

import Reactor
import Synchronization

/// The streams of a server. Lines keep their order within a stream; what a reader does not take in time is dropped and
/// counted (``LogQueue``).
enum ServerLog {
    private static let isUsed = Atomic(false)
    private static let countsInJSON = Atomic(false)
    private static let output = LogQueue(to: .standardOutput) { lines, reason in
        countsInJSON.load(ordering: .relaxed)
            ? #"{"event":"lost","lines":\#(lines),"reason":"\#(reason)"}"# : LogQueue.report(lines, reason)
    }
    private static let errors = LogQueue(to: .standardError) { "reactor: " + LogQueue.report($0, $1) }

    /// Whether this process is a server that has written something.
    static var isInUse: Bool { isUsed.load(ordering: .relaxed) }

    /// Standard output is lines of JSON, and so is the line that says how many of them are missing.
    static func useJSON() { countsInJSON.store(true, ordering: .relaxed) }

    /// Writes a line, or several, to standard output.
    static func print(_ line: String) {
        isUsed.store(true, ordering: .relaxed)
        output.write(line)
    }

    /// Writes a line of a trace to standard error.
    static func trace(_ line: String) {
        isUsed.store(true, ordering: .relaxed)
        errors.write(line)
    }

    /// Writes what the operator should know to standard error.
    static func report(_ line: some CustomStringConvertible) { trace("reactor: \(line)") }

    /// Waits for the readers, but no longer than a second in all: they may have stopped reading.
    static func finish() {
        guard isInUse else { return }
        let end = ContinuousClock.now + .seconds(1)
        for stream in [output, errors] { stream.flush(within: max(.zero, ContinuousClock.now.duration(to: end))) }
    }
}
