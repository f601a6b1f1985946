// The result of a load as text for people.

import LoadGenerator
import Reactor

/// The formatting of a load's result as text.
enum LoadSummary {
    /// Returns the summary of a finished load, several lines.
    static func text(of result: LoadResult) -> String {
        var lines = [title(result)]
        func add(_ name: String, _ value: String) {
            lines.append("  " + name.padded(to: 13) + value)
        }
        switch result.configuration.mode {
        case .idle: add("held", "\(result.connectionsLeft) of \(result.connectionsMade) for \(seconds(result.elapsed))")
        case .churn: add("connections", "\(messages(result))")
        default: add("messages", "\(messages(result)), \(mebibytes(result)) MiB/s each way")
        }
        if let latency = result.latency {
            let from = result.uncorrected == nil ? "" : "   from the intended send"
            add("latency", Self.latency(latency) + from)
        }
        if let uncorrected = result.uncorrected {
            add("", Self.latency(uncorrected) + "   uncorrected, from the actual send")
        }
        if let setUp = result.setUp {
            add("set up", "\(result.connectionsMade) in \(seconds(result.setUpTime)): " + Self.latency(setUp))
        }
        if result.configuration.mode == .echo { add("left", "\(result.connectionsLeft) connections at the end") }
        let each = result.cpuMicrosecondsPerMessage.map { ", \(text($0, digits: 2)) us per message" } ?? ""
        add("own CPU time", seconds(result.cpuTime) + each)
        add("errors", "\(result.errors)" + (result.unanswered > 0 ? "; \(result.unanswered) messages unanswered" : ""))
        for kind in LoadErrors.Kind.all {
            if let example = result.errors.example(of: kind) { add("", "first \(kind.name): \(example)") }
        }
        if result.wasStopped { add("stopped", "before its time") }
        return lines.joined(separator: "\n")
    }

    /// Returns the live progress line.
    static func line(of progress: LoadProgress) -> String {
        let phase = progress.isSettingUp ? "connecting" : "\(text(progress.elapsed, digits: 0)) s"
        return "\(phase)  \(progress.connections) connections  \(progress.messages) messages"
            + "  \(text(progress.messagesPerSecond, digits: 0))/s  \(progress.errors) errors"
    }

    private static func title(_ result: LoadResult) -> String {
        let load = result.configuration
        var parts = ["\(load.connections) connections", "\(load.size) bytes"]
        if load.mode == .echo { parts.append("\(load.depth) in flight each") }
        if let rate = load.rate { parts.append("\(text(rate, digits: rate < 10 ? 3 : 0)) messages/s intended") }
        return "\(load.mode) on \(load.address), \(load.backend): " + parts.joined(separator: ", ")
    }

    private static func messages(_ result: LoadResult) -> String {
        "\(result.messages) in \(seconds(result.elapsed)), \(text(result.messagesPerSecond, digits: 0))/s"
    }

    private static func mebibytes(_ result: LoadResult) -> String {
        text(result.messagesPerSecond * Double(result.configuration.size) / 1_048_576, digits: 1)
    }

    private static func latency(_ latency: LatencySummary) -> String {
        let parts = [
            ("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99), ("p99.9", latency.p999),
            ("max", latency.max),
        ]
        return parts.map { "\($0) \(time($1))" }.joined(separator: "  ")
    }

    /// Returns a time in nanoseconds as text, in us, ms or s.
    static func time(_ nanoseconds: Int) -> String {
        switch nanoseconds {
        case ..<10_000: "\(text(Double(nanoseconds) / 1e3, digits: 2)) us"
        case ..<1_000_000: "\(nanoseconds / 1_000) us"
        case ..<1_000_000_000: "\(text(Double(nanoseconds) / 1e6, digits: 2)) ms"
        default: "\(text(Double(nanoseconds) / 1e9, digits: 2)) s"
        }
    }

    private static func seconds(_ duration: Duration) -> String { "\(text(duration, digits: 2)) s" }

    private static func text(_ duration: Duration, digits: Int) -> String {
        text(duration / .seconds(1), digits: digits)
    }

    /// Returns a number as text with a fixed number of decimals.
    static func text(_ number: Double, digits: Int) -> String {
        guard number.isFinite, abs(number) < 9e15 else { return "\(number)" }
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((abs(number) * Double(scale)).rounded())
        let sign = number < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let fraction = String(scaled % scale)
        return "\(sign)\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}

extension String {
    /// Returns this text padded with trailing spaces to a width.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
