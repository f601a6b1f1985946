// What a bench measures each back end with: so many active connections, beside so many that are silent.

import ArgumentParser

/// One load of a bench.
struct BenchScenario: Sendable, Hashable, CustomStringConvertible {
    /// Connections that exchange messages as fast as they can.
    let active: Int
    /// Connections that are open meanwhile, and silent.
    let idle: Int

    /// The largest number that a scenario takes for either.
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
    /// - Throws: `ValidationError`, in one line.
    init(_ text: String) throws {
        let parts = text.split(separator: "+", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part in
            part.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? Int(part) : nil
        }
        guard numbers.count == parts.count, let active = numbers.first, numbers.count <= 2 else {
            throw ValidationError("\"\(text)\": write ACTIVE or ACTIVE+IDLE connections, as 64 or 100+1000")
        }
        let idle = numbers.count == 2 ? numbers[1] : 0
        guard 1...Self.most ~= active, 0...Self.most ~= idle else {
            throw ValidationError("\"\(text)\": use 1 to \(Self.most) active connections and at most \(Self.most) idle")
        }
        self.init(active: active, idle: idle)
    }

    /// All connections of the server.
    var connections: Int { active + idle }

    /// As the command line spells it.
    var description: String { idle == 0 ? "\(active)" : "\(active)+\(idle)" }

    /// The heading of its rows.
    var title: String {
        if idle > 0 { return "\(active.grouped) active connections beside \(idle.grouped) idle ones" }
        return active == 1 ? "1 connection" : "\(active.grouped) connections"
    }
}

extension Int {
    /// This number with a comma between the thousands.
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
