// SRV records (RFC 2782): where the servers of a service are, and in which order to try them.

/// A server of a service, as an SRV record of the DNS names it (RFC 2782).
public struct ServiceRecord: Sendable, Hashable {
    /// The priority: servers with a smaller number are tried first.
    public let priority: UInt16
    /// The relative share of the clients among servers of the same priority.
    public let weight: UInt16
    /// The port of the server.
    public let port: UInt16
    /// The host name of the server, without a final dot.
    public let target: String
    /// The time for which the record may be cached.
    public let timeToLive: Duration

    /// Creates a record.
    public init(priority: UInt16 = 0, weight: UInt16 = 0, port: UInt16, target: String, timeToLive: Duration = .zero) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
        self.timeToLive = timeToLive
    }

    /// Returns records in the order in which to try them: by priority, and at random by weight within one (RFC 2782,
    /// "Usage rules").
    package static func ordered(_ records: [ServiceRecord], using random: inout some RandomNumberGenerator)
        -> [ServiceRecord]
    {
        var ordered: [ServiceRecord] = []
        for priority in Set(records.map(\.priority)).sorted() {
            // Those without weight come first, so that they have a small chance of being chosen.
            var left = records.filter { $0.priority == priority && $0.weight == 0 }
            left += records.filter { $0.priority == priority && $0.weight > 0 }
            while !left.isEmpty {
                let sum = left.reduce(0) { $0 + Int($1.weight) }
                let chosen = Int.random(in: 0...sum, using: &random)
                var running = 0
                let index = left.firstIndex { record in
                    running += Int(record.weight)
                    return running >= chosen
                }
                ordered.append(left.remove(at: index ?? 0))
            }
        }
        return ordered
    }
}
