// Lines of a log on their way to a descriptor that may be slow, full or without a reader: a terminal, a pipe, a file. The
// loop appends to a bounded queue and goes on; a thread writes.

public import SystemPackage

/// Writes lines to a descriptor without ever holding up the caller.
///
///     let log = LogQueue(to: .standardError)
///     let loop = try EventLoop(kernel: TracingKernel { log.write($0) })
///     loop.onReport = { log.write("\($0)") }
///
/// A loop must not wait for its log: a pipe whose reader has stopped would stop the server with it. Lines that find the
/// queue full are dropped and counted, and a line of its own says how many they were, where they are missing. A descriptor
/// that cannot be written to (`EPIPE`, `ENOSPC`) loses lines, which are counted as well and reported when it can be written
/// to again. No write raises `SIGPIPE`, and the descriptor is not set to non-blocking, which would be so for every process
/// that shares it.
///
/// Lines appear in the order in which they were written. At its end a program waits for them with ``flush(within:)``.
public final class LogQueue: Sendable {
    /// What became of lines that were not written.
    public struct Losses: Sendable, Hashable {
        /// Lines that found the queue full.
        public var dropped = 0
        /// Lines that the descriptor did not take.
        public var failed = 0
    }

    private let thread: WriterThread<String>
    private let writer: LogWriter

    /// A queue of lines for a descriptor, which has to stay open.
    ///
    /// - Parameters:
    ///   - descriptor: where the lines go.
    ///   - capacity: bytes that may be queued. Default: 256 KiB.
    ///   - report: the line that says how many lines are missing, and why. Default: in plain English.
    public init(
        to descriptor: FileDescriptor, capacity: Int = 256 * 1024,
        report: @escaping @Sendable (_ lines: Int, _ reason: String) -> String = LogQueue.report
    ) {
        let writer = LogWriter(descriptor, report)
        self.writer = writer
        thread = WriterThread(named: "log", capacity: capacity) { writer.write($0, dropped: $1) }
    }

    /// Writes a line, given without its end. On any thread; never waits for the descriptor.
    public func write(_ line: String) { thread.append(line, cost: line.utf8.count + 1) }

    /// Waits until all lines are written or lost, but no longer than `time`: the reader may have stopped for good.
    ///
    /// - Returns: Whether none is queued any more.
    @discardableResult
    public func flush(within time: Duration = .seconds(1)) -> Bool { thread.flush(within: time) }

    /// Lines that were not written so far.
    public var losses: Losses { Losses(dropped: thread.dropped, failed: writer.failed) }

    /// The line that says how many lines are missing: `3 lines dropped: the log's reader is too slow`.
    @Sendable public static func report(_ lines: Int, _ reason: String) -> String {
        "\(lines) \(lines == 1 ? "line" : "lines") \(reason)"
    }
}

/// The writing end, on the queue's thread.
private final class LogWriter: Sendable {
    private struct State {
        /// Lines that were lost and not reported yet, and why the last of them was.
        var unreported = 0
        var errno: Errno?
        var failed = 0
        /// The last line was cut off by an error.
        var isMidLine = false
    }

    private let descriptor: FileDescriptor
    private let report: @Sendable (Int, String) -> String
    private let state = Monitor(State())

    init(_ descriptor: FileDescriptor, _ report: @escaping @Sendable (Int, String) -> String) {
        self.descriptor = descriptor
        self.report = report
    }

    var failed: Int { state.withLock { $0.failed } }

    func write(_ lines: [String], dropped: Int) {
        var bytes: [UInt8] = []
        for line in lines {
            bytes += line.utf8
            bytes.append(UInt8(ascii: "\n"))
        }
        let end = bytes.count
        if dropped > 0 { bytes += (report(dropped, "dropped: the log's reader is too slow") + "\n").utf8 }
        guard reportLosses() else { return lose(bytes[..<end], andDropped: dropped) }
        let (written, errno) = write(bytes)
        guard let errno else { return }
        state.withLock { $0.errno = errno }
        lose(bytes[min(written, end)..<end], andDropped: dropped)
    }

    /// Says how many lines were lost before, if there are any and the descriptor takes bytes again.
    private func reportLosses() -> Bool {
        let (lost, errno, isMidLine) = state.withLock { ($0.unreported, $0.errno, $0.isMidLine) }
        guard lost > 0, let errno else { return true }
        let line = (isMidLine ? "\n" : "") + report(lost, "lost: \(errno.outputWords)") + "\n"
        guard write(Array(line.utf8)).errno == nil else { return false }
        state.withLock { $0.unreported = 0 }
        return true
    }

    private func lose(_ lines: ArraySlice<UInt8>, andDropped dropped: Int) {
        let count = lines.count { $0 == UInt8(ascii: "\n") }
        state.withLock { state in
            state.failed += count
            state.unreported += count + dropped
        }
    }

    /// Writes bytes until all are written or an error stops it. This thread blocks all signals, `SIGPIPE` among them.
    private func write(_ bytes: [UInt8]) -> (written: Int, errno: Errno?) {
        var written = 0
        while written < bytes.count {
            // Safe: bytes have no padding.
            let result = unsafe LinuxKernel.shared.write(descriptor, bytes.span.bytes.extracting(written...))
            if result.succeeded {
                written += result.rawValue
                state.withLock { $0.isMidLine = written > 0 && bytes[written - 1] != UInt8(ascii: "\n") }
            } else if result.wouldBlock {
                LinuxKernel.shared.waitForRoom(descriptor)
            } else if let errno = result.errno, !result.wasInterrupted {
                return (written, errno)
            }
        }
        return (written, nil)
    }
}
