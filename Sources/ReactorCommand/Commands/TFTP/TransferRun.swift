// One transfer of a client as a program: the loop, signals, progress on a terminal, and the result.
//
//     began --complete--> a summary line, status 0
//           --failed----> an error line, status 1
//           --signal----> an error packet to the server, status 128 plus the signal's number

import ArgumentParser
import Demos
import Reactor
import ReactorTFTP

/// The run of one transfer.
struct TransferRun {
    private let options: TransferOptions
    private let server: SocketAddress
    private let remote, local, verb: String

    init(_ options: TransferOptions, server: SocketAddress, remote: String, local: String, verb: String) {
        (self.options, self.server, self.remote, self.local, self.verb) = (options, server, remote, local, verb)
    }

    /// Runs the transfer that `begin` starts until it is complete, has failed, or a signal arrives.
    ///
    /// - Throws: ``CommandFailure`` when the transfer fails, `ExitCode` after a signal.
    func perform(
        _ begin: (EventLoop, @escaping (TransferFailure?) -> Void) throws(SocketError) -> TFTPClient
    ) throws {
        // Opened first, so that an unwritable file is reported before the transfer and not after it.
        let output = try options.json.map(JSONOutput.init)
        var (failure, signal): (TransferFailure?, Signal?)
        var start = MonotonicTime(nanoseconds: 0)
        var end: MonotonicTime?
        let progress: TransferProgress
        let line = StandardError.isTerminal && !options.trace.isWanted ? LiveLine() : nil
        do throws(SocketError) {
            let loop = try EventLoop(backend: options.selector.backend, kernel: options.kernel)
            let client: TFTPClient
            do throws(SocketError) {
                start = loop.kernel.now()
                client = try begin(loop) { reason in
                    failure = reason
                    end = loop.kernel.now()
                    // The last packet has left after two more turns.
                    loop.execute { loop.execute { loop.stop() } }
                }
                for each in [Signal.interrupt, .terminate, .hangUp] {
                    try loop.watchSignal(each) {
                        if signal != nil { return loop.stop() }
                        signal = each
                        client.cancel()
                    }
                }
            } catch {
                loop.shutdown()
                throw error
            }
            if let line {
                loop.schedule(after: .milliseconds(200), repeating: .milliseconds(200)) {
                    line.show(TransferSummary.line(client.progress, in: start.duration(to: loop.now)))
                }
            }
            try loop.run()
            progress = client.progress
            end = client.completion ?? end ?? start
        } catch {
            throw CommandFailure("\(error)")
        }
        line?.clear()
        let time = start.duration(to: end ?? start)
        try output?.write(TransferDocument(progress, time, server: server, remote: remote, local: local, failure))
        if let signal { throw ExitCode(128 + signal.rawValue) }
        switch failure {
        case nil: break
        // A local error says nothing about the server.
        case .local(let error): throw CommandFailure("cannot \(verb == "got" ? "write" : "read") \(local): \(error)")
        case .unsent(let reason): throw CommandFailure(reason)
        case .some(let failure): throw CommandFailure("\(server), file \(remote): \(failure)")
        }
        let summary =
            "\(verb) \(remote): \(TransferSummary.words(progress.statistics, in: time)), "
            + "blocks of \(progress.blockSize) bytes, windows of \(progress.windowSize)"
        if options.json == "-" { return }
        if local == "-" && verb == "got" { StandardError.write(summary + "\n") } else { StandardOutput.print(summary) }
    }
}

/// The summary of a transfer as text.
enum TransferSummary {
    /// Returns the bytes, time and rate of a transfer, and its retransmissions if there were any.
    static func words(_ statistics: TransferStatistics, in time: Duration) -> String {
        let seconds = time / .seconds(1)
        let rate = seconds > 0 ? Double(statistics.bytes) / seconds / 1_048_576 : 0
        let repeated = statistics.repeated == 0 ? "" : ", \(counted(statistics.repeated, "packet")) retransmitted"
        return "\(statistics.bytes) bytes in \(fixed(seconds, 3)) s (\(fixed(rate, 1)) MiB/s)\(repeated)"
    }

    /// Returns the progress line of a running transfer.
    static func line(_ progress: TransferProgress, in time: Duration) -> String {
        let bytes = progress.statistics.bytes
        guard let total = progress.total, total > 0 else { return words(progress.statistics, in: time) }
        return "\(min(100, bytes / max(1, total / 100)))% of \(total) bytes; \(words(progress.statistics, in: time))"
    }

    private static func fixed(_ number: Double, _ digits: Int) -> String {
        let scale = digits == 3 ? 1000.0 : 10.0
        let value = Int((number * scale).rounded())
        let fraction = "\(value % Int(scale))"
        return "\(value / Int(scale)).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }
}

/// The summary of a transfer as JSON.
struct TransferDocument: Encodable {
    let server, remote, local: String
    let failure: String?
    let bytes, blocks, blockSize, windowSize, repeated, timeouts: Int
    let seconds: Double

    init(
        _ progress: TransferProgress, _ time: Duration, server: SocketAddress, remote: String, local: String,
        _ failure: TransferFailure?
    ) {
        self.server = "\(server)"
        (self.remote, self.local, self.failure) = (remote, local, failure.map { "\($0)" })
        (bytes, blocks) = (progress.statistics.bytes, progress.statistics.blocks)
        (blockSize, windowSize) = (progress.blockSize, progress.windowSize)
        (repeated, timeouts) = (progress.statistics.repeated, progress.statistics.timeouts)
        seconds = time / .seconds(1)
    }
}
