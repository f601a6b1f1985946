// The screen of `reactor top`: a few lines of figures and a table of connections, cut to the size of the terminal.
// Rates are the differences between two snapshots.

/// The lines of the screen for two successive snapshots.
struct TopScreen {
    let path: String
    let before: TopSnapshot
    let now: TopSnapshot

    private static let labelWidth = 13
    private static let headLines = 8

    /// Returns the number of connections that fit below the figures of one loop.
    static func connections(rows: Int) -> Int { max(1, rows - headLines) }

    /// Returns at most `rows` lines, each of at most `columns` characters.
    func lines(columns: Int, rows: Int, emphasised: (String) -> String = { $0 }) -> [String] {
        let figures = figures.map { label, text in
            "\(label)\(String(repeating: " ", count: max(1, Self.labelWidth - label.count)))\(text)"
        }
        let title = "reactor top \(path)  \(now.statistics.backend)  up \(Self.time(now.statistics.uptime.rounded()))"
        let head = [title + (now.statistics.draining ? "  draining" : "")] + figures + [""]
        let loops = loopTable
        let plain = head + loops + (loops.isEmpty ? [] : [""]) + table
        let headings = [0, head.count, loops.isEmpty ? 0 : head.count + loops.count + 1]
        return plain.prefix(max(1, rows)).enumerated().map { index, line in
            let cut = String(line.prefix(max(1, columns)))
            return headings.contains(index) ? emphasised(cut) : cut
        }
    }

    private var figures: [(String, String)] {
        let (old, new) = (before.statistics, now.statistics)
        let refused = new.refused
        return [
            (
                "connections",
                "\(new.connections) open, \(new.accepted) accepted (\(rate(old.accepted, new.accepted))/s), "
                    + "\(new.closed) closed, \(refused.values.reduce(0, +)) refused" + Self.reasons(refused)
            ),
            (
                "traffic",
                "in \(bytes(old.bytesReceived, new.bytesReceived))/s (\(rate(old.receives, new.receives)) receives/s), out "
                    + "\(bytes(old.bytesSent, new.bytesSent))/s (\(rate(old.sends, new.sends)) sends/s)"
            ),
            (
                "loop",
                "\(rate(old.turns, new.turns)) turns/s, \(rate(old.events, new.events)) events/s, lag "
                    + Self.quantiles(new.lag)
            ),
            (
                "callbacks",
                "\(Self.quantiles(new.callbackTimes)), \(new.slowCallbacks) slow, \(new.handlerErrors) threw"
            ),
            (
                "pauses",
                "\(new.acceptPauses) of accepting, \(new.pressurePauses) for peers that do not read; "
                    + "\(new.staleEvents) stale events, \(new.switches) switches, \(new.timers) timers"
            ),
        ]
    }

    private static func reasons(_ refused: [String: Int]) -> String {
        let reasons = refused.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return reasons.isEmpty ? "" : " (" + reasons.joined(separator: ", ") + ")"
    }

    private static func quantiles(_ times: TopSnapshot.Statistics.Times) -> String {
        times.count == 0
            ? "not measured yet" : "p50 \(time(times.p50)), p99 \(time(times.p99)), max \(time(times.max))"
    }

    // MARK: Loops

    /// A row per loop; empty for a server with one loop.
    private var loopTable: [String] {
        guard let loops = now.statistics.loops, loops.count > 1 else { return [] }
        let former = Dictionary((before.statistics.loops ?? []).map { ($0.loop, $0) }) { first, _ in first }
        let rows = loops.map { loop in
            guard let backend = loop.backend else {
                return ["\(loop.loop)", "no reply"] + Array(repeating: "-", count: 7)
            }
            let old = former[loop.loop]
            return [
                "\(loop.loop)", backend, "\(loop.connections ?? 0)",
                bytes(old?.bytesReceived ?? 0, loop.bytesReceived ?? 0) + "/s",
                bytes(old?.bytesSent ?? 0, loop.bytesSent ?? 0) + "/s",
                rate(old?.turns ?? 0, loop.turns ?? 0) + "/s", rate(old?.events ?? 0, loop.events ?? 0) + "/s",
                Self.time(loop.lagP99 ?? 0), Self.time(loop.lagMax ?? 0),
            ]
        }
        let head = ["loop", "back end", "connections", "in", "out", "turns", "events", "lag p99", "max"]
        return Self.aligned([head] + rows, left: 1...1)
    }

    private static func aligned(_ rows: [[String]], left: ClosedRange<Int>) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return left.contains(column) ? row[column] + space : space + row[column]
            }.joined(separator: "  ")
        }
    }

    // MARK: Connections

    private var table: [String] {
        let old = Dictionary(before.connections.map { (Self.key($0), $0) }) { first, _ in first }
        let rows = now.connections.map { connection in
            // The first snapshot shows averages since the server's start; later, a new row has no rate until the next
            // one.
            let former = before.statistics.uptime == 0 ? TopSnapshot.Connection() : old[Self.key(connection)]
            return [
                "\(connection.descriptor)", connection.peer, connection.handler, connection.state,
                former.map { bytes($0.received, connection.received) + "/s" } ?? "-",
                former.map { bytes($0.sent, connection.sent) + "/s" } ?? "-", Self.bytes(Double(connection.queued)),
                Self.time(connection.idle),
            ] + (hasLoops ? ["\(connection.loop ?? 0)"] : [])
        }
        let head = ["fd", "peer", "handler", "state", "in", "out", "queued", "idle"] + (hasLoops ? ["loop"] : [])
        return Self.aligned([head] + rows, left: 1...3)
    }

    private var hasLoops: Bool { now.statistics.loops != nil }

    private static func key(_ connection: TopSnapshot.Connection) -> String {
        "\(connection.descriptor) \(connection.peer)"
    }

    // MARK: Formatting

    private var elapsed: Double { max(0.001, now.statistics.uptime - before.statistics.uptime) }

    private func rate(_ old: Int, _ new: Int) -> String {
        let rate = Double(max(0, new - old)) / elapsed
        switch rate {
        case ..<10_000: return "\(Int(rate.rounded()))"
        case ..<10_000_000: return Self.short(rate / 1e3) + "k"
        default: return Self.short(rate / 1e6) + "M"
        }
    }

    private func bytes(_ old: Int, _ new: Int) -> String { Self.bytes(Double(max(0, new - old)) / elapsed) }

    private static func bytes(_ count: Double) -> String {
        switch count {
        case ..<10_000: "\(Int(count.rounded())) B"
        case ..<10_240_000: short(count / 1024) + " KiB"
        case ..<10_485_760_000: short(count / 1_048_576) + " MiB"
        default: short(count / 1_073_741_824) + " GiB"
        }
    }

    /// Returns a time in seconds as text, in us, ms, s, min or h.
    static func time(_ seconds: Double) -> String {
        switch seconds {
        case ..<0.001: short(seconds * 1e6) + " us"
        case ..<1: short(seconds * 1e3) + " ms"
        case ..<100: short(seconds) + " s"
        case ..<6000: "\(Int(seconds / 60)) min"
        default: "\(Int(seconds / 3600)) h \(Int(seconds / 60) % 60) min"
        }
    }

    /// Returns a number with one decimal below ten, and none above.
    private static func short(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return tenths < 100 && tenths % 10 != 0 ? "\(tenths / 10).\(tenths % 10)" : "\((tenths + 5) / 10)"
    }
}
