// The scenarios of a benchmark: a number of active connections beside a number of idle ones.

import ArgumentParser

/// One load of a benchmark.
struct BenchScenario: Sendable, Hashable, CustomStringConvertible {
    /// Connections that exchange messages as fast as they can.
    let active: Int
    /// Connections that are open and silent meanwhile.
    let idle: Int

    /// The largest number of active or idle connections.
    private static let most = 1_000_000

    static let all: [BenchScenario] =
        [1, 64, 500].map { BenchScenario(active: $0) }
        + [0, 1_000, 5_000, 10_000].map { BenchScenario(active: 100, idle: $0) }

    init(active: Int, idle: Int = 0) {
        self.active = active
        self.idle = idle
    }

    /// Parses `ACTIVE` or `ACTIVE+IDLE`, as `64` and `100+1000`.
    ///
    /// - Throws: `ValidationError` with a one-line message.
    init(_ text: String) throws {
        let parts = text.split(separator: "+", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part in
            part.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? Int(part) : nil
        }
        guard numbers.count == parts.count, let active = numbers.first, numbers.count <= 2 else {
            throw ValidationError("invalid scenario '\(text)'; use ACTIVE or ACTIVE+IDLE, as 64 or 100+1000")
        }
        let idle = numbers.count == 2 ? numbers[1] : 0
        guard 1...Self.most ~= active, 0...Self.most ~= idle else {
            throw ValidationError("invalid scenario '\(text)'; use 1 to \(Self.most) active, up to \(Self.most) idle")
        }
        self.init(active: active, idle: idle)
    }

    /// The total number of connections.
    var connections: Int { active + idle }

    /// The scenario as it is written on the command line.
    var description: String { idle == 0 ? "\(active)" : "\(active)+\(idle)" }

    /// The heading of its rows in the table.
    var title: String {
        if idle > 0 { return "\(active.grouped) active connections beside \(idle.grouped) idle ones" }
        return active == 1 ? "1 connection" : "\(active.grouped) connections"
    }
}

extension Int {
    /// This number with commas between groups of three digits.
    var grouped: String {
        let digits = String(magnitude)
        var text = self < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }
}
