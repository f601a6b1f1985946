// A bounded queue of log lines for a descriptor that may be slow, full or without a reader: a terminal, a pipe, a file.
// The loop appends and continues; a separate thread writes.

public import SystemPackage

/// A log that writes lines to a descriptor without ever blocking the caller.
///
///     let log = LogQueue(to: .standardError)
///     let loop = try EventLoop(kernel: TracingKernel { log.write($0) })
///     loop.onReport = { log.write("\($0)") }
///
/// A loop must not wait for its log: a pipe whose reader has stopped would stop the server as well. When the queue is
/// full, lines are dropped and counted, and a separate line reports their number in their place. When the descriptor
/// cannot be written to (`EPIPE`, `ENOSPC`), lines are lost; they are counted as well, and reported as soon as a write
/// succeeds. `SIGPIPE` does not end the process. The descriptor is not made non-blocking, because that would affect
/// every process that shares it.
///
/// Lines appear in the order in which they were written. Before it exits, a program calls ``flush(within:)``.
public final class LogQueue: Sendable {
    /// The numbers of lines that were not written.
    public struct Losses: Sendable, Hashable {
        /// Lines dropped because the queue was full.
        public var dropped = 0
        /// Lines lost because the write failed.
        public var failed = 0
    }

    private let thread: WriterThread<String>
    private let writer: LogWriter

    /// Creates a log for a descriptor, which has to stay open.
    ///
    /// - Parameters:
    ///   - descriptor: the descriptor to write to.
    ///   - capacity: the maximum of queued bytes. Default: 256 KiB.
    ///   - report: returns the line that reports missing lines and the reason. Default: ``report(_:_:)``.
    public init(
        to descriptor: FileDescriptor, capacity: Int = 256 * 1024,
        report: @escaping @Sendable (_ lines: Int, _ reason: String) -> String = LogQueue.report
    ) {
        let writer = LogWriter(descriptor, report)
        self.writer = writer
        thread = WriterThread(named: "log", capacity: capacity) { writer.write($0, dropped: $1) }
    }

    /// Queues a line, given without its newline. Any thread may call it; it never waits for the descriptor.
    public func write(_ line: String) { thread.append(line, cost: line.utf8.count + 1) }

    /// Waits until all lines are written or lost, or `time` has passed: the reader may never read again.
    ///
    /// - Parameter time: the maximum time to wait. Default: 1 s.
    /// - Returns: Whether the queue is empty.
    @discardableResult
    public func flush(within time: Duration = .seconds(1)) -> Bool { thread.flush(within: time) }

    /// The lines that have not been written so far.
    public var losses: Losses { Losses(dropped: thread.dropped, failed: writer.failed) }

    /// Returns the line that reports missing lines: `3 lines dropped: the log's reader is too slow`.
    @Sendable public static func report(_ lines: Int, _ reason: String) -> String {
        "\(lines) \(lines == 1 ? "line" : "lines") \(reason)"
    }
}

/// The writer, on the queue's thread.
private final class LogWriter: Sendable {
    private struct State {
        /// Lost lines that have not been reported yet, and the error of the last of them.
        var unreported = 0
        var errno: Errno?
        var failed = 0
        /// Whether an error cut off the last line.
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

    /// Writes a line that reports lost lines, if there are any. Returns `false` if the descriptor still fails.
    private func reportLosses() -> Bool {
        let (lost, errno, isMidLine) = state.withLock { ($0.unreported, $0.errno, $0.isMidLine) }
        guard lost > 0, let errno else { return true }
        let line = (isMidLine ? "\n" : "") + report(lost, "lost: \(errno.namedDescription)") + "\n"
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

    /// Writes bytes until all are written or an error occurs. `SIGPIPE` does not end the process on this thread.
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
