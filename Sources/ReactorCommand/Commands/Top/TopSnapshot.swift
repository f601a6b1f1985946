// The admin socket's replies to `stats json` and `connections N json`, as values.

import FoundationEssentials

/// The state of a server at one moment.
struct TopSnapshot: Sendable {
    /// The counters of a server; times are in seconds.
    struct Statistics: Decodable, Sendable {
        struct Times: Decodable, Sendable {
            var count = 0
            var mean = 0.0, p50 = 0.0, p99 = 0.0, p999 = 0.0, max = 0.0
        }

        var backend = ""
        var uptime = 0.0
        var draining = false
        var connections = 0, descriptors = 0, timers = 0, accepted = 0, closed = 0
        /// Refused connections by reason.
        var refused: [String: Int] = [:]
        var receives = 0, bytesReceived = 0, sends = 0, bytesSent = 0, turns = 0, events = 0
        var staleEvents = 0, switches = 0, acceptPauses = 0, pressurePauses = 0, handlerErrors = 0, slowCallbacks = 0
        var callbackTimes = Times(), lag = Times()
        /// The loops of a server with several; `nil` for one loop.
        var loops: [Loop]?
    }

    /// One of several loops. All values but the number are `nil` if the loop did not reply.
    struct Loop: Decodable, Sendable {
        var loop = 0
        var backend: String?
        var connections, bytesReceived, bytesSent, turns, events: Int?
        var lagP99, lagMax: Double?
    }

    /// One connection.
    struct Connection: Decodable, Sendable {
        var descriptor = 0
        var peer = "", handler = "", state = ""
        var received = 0, sent = 0, queued = 0
        var idle = 0.0
        /// The number of the loop that owns it, in a server with several.
        var loop: Int?
    }

    var statistics = Statistics()
    var connections: [Connection] = []

    /// The moment at which the server started, with all counters at zero.
    static let beginning = TopSnapshot()

    private init() {}

    /// Decodes the two replies; fails when either is malformed.
    init?(statistics: [UInt8], connections: [UInt8]) {
        let decoder = JSONDecoder()
        guard let statistics = try? decoder.decode(Statistics.self, from: Data(statistics)),
            let connections = try? decoder.decode([Connection].self, from: Data(connections))
        else { return nil }
        (self.statistics, self.connections) = (statistics, connections)
    }
}
