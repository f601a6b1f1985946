// The progress bar of a transfer: share, rate and remaining time.

import Reactor

/// A progress bar on standard error, shown only if standard error is a terminal.
final class ProgressBar {
    private static let width = 30
    private let line = LiveLine()
    private let loop: EventLoop
    private let label: String
    private let progress: () -> (done: Int, total: Int)?
    private var timer: LoopTimer?
    private let start: MonotonicTime
    private var first: Int?

    /// Creates a bar that polls `progress` ten times per second.
    init(_ label: String, on loop: EventLoop, _ progress: @escaping () -> (done: Int, total: Int)?) {
        self.loop = loop
        self.label = label
        self.progress = progress
        start = loop.now
        guard StandardError.isTerminal else { return }
        timer = loop.schedule(after: .milliseconds(100), repeating: .milliseconds(100)) { [unowned self] in show() }
    }

    /// Removes the bar.
    func end() {
        guard let timer else { return }
        loop.cancel(timer)
        self.timer = nil
        line.clear()
    }

    private func show() {
        guard let (done, total) = progress() else { return }
        let before = first ?? done
        first = before
        let elapsed = start.duration(to: loop.now) / .seconds(1)
        line.show(Self.text(label, done: done, total: total, before: before, seconds: elapsed))
    }

    /// Returns the bar as text.
    ///
    /// - Parameters:
    ///   - label: the text before the bar.
    ///   - done: bytes that are complete.
    ///   - total: bytes of the whole file.
    ///   - before: bytes that were complete when a resumed transfer started; they do not count for the rate.
    ///   - seconds: time since the transfer started.
    static func text(_ label: String, done: Int, total: Int, before: Int, seconds: Double) -> String {
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 1
        let filled = Int(share * Double(width))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
        let rate = seconds > 0 ? Double(done - before) / seconds : 0
        let left = rate > 0 ? Double(total - done) / rate : 0
        let percent = "\(Int(share * 100))"
        let padding = String(repeating: " ", count: max(0, 3 - percent.utf8.count))
        let time = left >= 1 ? ", \(Int(left.rounded(.up))) s left" : ""
        return "\(label) [\(bar)] \(padding)\(percent) % of \(size(total)), \(size(Int(rate)))/s\(time)"
    }

    /// Returns a size as text in B, KiB, MiB, GiB or TiB.
    static func size(_ bytes: Int) -> String {
        var (value, unit) = (Double(bytes), 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        if unit == 0 { return "\(bytes) B" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}
