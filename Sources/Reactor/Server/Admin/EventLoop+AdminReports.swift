// What the admin socket reports of loops. The names of the fields are read by programs: they may become more, but none
// changes its meaning.

/// The state of a loop at one moment.
struct AdminLoopReading: Sendable {
    var backend: Backend
    var uptime: Duration
    var connections = 0, descriptors = 0, timers = 0
    var isDraining = false
    var counted: LoopStatistics
    /// The back ends of all loops that are summed here.
    var backends = ""

    /// All loops that have replied, as one.
    static func sum(of reports: [AdminReport?]) -> AdminLoopReading {
        var sum = AdminLoopReading(backend: .epoll(), uptime: .zero, counted: LoopStatistics())
        var backends: [String] = []
        for case .statistics(let reading)? in reports {
            if !backends.contains("\(reading.backend)") { backends.append("\(reading.backend)") }
            sum.uptime = max(sum.uptime, reading.uptime)
            sum.connections += reading.connections
            sum.descriptors += reading.descriptors
            sum.timers += reading.timers
            sum.isDraining = sum.isDraining || reading.isDraining
            sum.counted = sum.counted + reading.counted
        }
        sum.backends = backends.joined(separator: ", ")
        return sum
    }

    /// All counters, of all loops together; of several, also the most important ones of each. Times are in seconds.
    static func statistics(of reports: [AdminReport?]) -> AdminValue {
        let sum = sum(of: reports)
        guard reports.count > 1 else { return .object(sum.fields) }
        let rows = reports.enumerated().map { index, report in
            let number = AdminValue.integer(index + 1)
            guard case .statistics(let reading)? = report else {
                return [number] + loopColumns.dropFirst().map { _ in AdminValue.nothing }
            }
            return [number] + reading.cells
        }
        return .object(sum.fields + [("loops", .table(columns: loopColumns, rows: rows))])
    }

    private static let loopColumns = [
        "loop", "backend", "connections", "descriptors", "timers", "accepted", "closed", "bytesReceived", "bytesSent",
        "turns", "events", "slowCallbacks", "lagP99", "lagMax",
    ]

    /// The same for one loop, but for its number.
    private var cells: [AdminValue] {
        [
            .text("\(backend)"), .integer(connections), .integer(descriptors), .integer(timers),
            .integer(counted.connectionsAccepted), .integer(counted.connectionsClosed),
            .integer(counted.bytesReceived), .integer(counted.bytesSent), .integer(counted.turns),
            .integer(counted.events), .integer(counted.slowCallbacks), .seconds(counted.lag.quantile(0.99)),
            .seconds(counted.lag.longest),
        ]
    }

    private var fields: [(name: String, value: AdminValue)] {
        [
            ("backend", .text(backends)), ("uptime", .seconds(uptime)),
            ("connections", .integer(connections)), ("descriptors", .integer(descriptors)),
            ("timers", .integer(timers)), ("draining", .truth(isDraining)),
            ("accepted", .integer(counted.connectionsAccepted)), ("opened", .integer(counted.connectionsOpened)),
            ("closed", .integer(counted.connectionsClosed)),
            ("refused", .object(Refusal.all.map { ($0.name, .integer(counted.refusals[$0])) })),
            ("receives", .integer(counted.receives)), ("bytesReceived", .integer(counted.bytesReceived)),
            ("sends", .integer(counted.sends)), ("bytesSent", .integer(counted.bytesSent)),
            ("turns", .integer(counted.turns)), ("events", .integer(counted.events)),
            ("staleEvents", .integer(counted.staleEvents)), ("switches", .integer(counted.switches)),
            ("timersFired", .integer(counted.timersFired)), ("tasksRun", .integer(counted.tasksRun)),
            ("acceptPauses", .integer(counted.acceptPauses)), ("pressurePauses", .integer(counted.pressurePauses)),
            ("handlerErrors", .integer(counted.handlerErrors)), ("framingErrors", .integer(counted.framingErrors)),
            ("slowCallbacks", .integer(counted.slowCallbacks)),
            ("callbackTimes", Self.summary(of: counted.callbackTimes)), ("lag", Self.summary(of: counted.lag)),
        ]
    }

    private static func summary(of times: TimeHistogram) -> AdminValue {
        .object([
            ("count", .integer(times.count)), ("mean", .seconds(times.mean)), ("p50", .seconds(times.quantile(0.5))),
            ("p99", .seconds(times.quantile(0.99))), ("p999", .seconds(times.quantile(0.999))),
            ("max", .seconds(times.longest)),
        ])
    }
}

/// A connection at one moment.
struct AdminConnectionReading: Sendable {
    /// Bytes in both directions: the busiest connections are shown.
    let moved: Int
    let cells: [AdminValue]

    private static let columns = ["descriptor", "peer", "handler", "state", "received", "sent", "queued", "idle"]

    /// The connections of all loops that moved most bytes; of several loops, each with its loop's number.
    static func table(of reports: [AdminReport?], _ count: Int) -> AdminValue {
        var all: [(loop: Int, reading: AdminConnectionReading)] = []
        for (index, report) in reports.enumerated() {
            if case .connections(let readings)? = report { all += readings.map { (index + 1, $0) } }
        }
        let busiest = all.sorted { $0.reading.moved > $1.reading.moved }.prefix(count)
        if reports.count == 1 { return .table(columns: columns, rows: busiest.map(\.reading.cells)) }
        return .table(
            columns: columns + ["loop"], rows: busiest.map { $0.reading.cells + [.integer($0.loop)] })
    }
}

extension EventLoop {
    /// The state of this loop.
    var adminReading: AdminLoopReading {
        AdminLoopReading(
            backend: backend, uptime: callbackClock.timeAtStart.duration(to: kernel.now()),
            connections: connectionCount - administration.openCount, descriptors: registrationCount,
            timers: timerCount, isDraining: isDraining, counted: statistics)
    }

    /// The connections that moved most bytes, but those of the admin socket.
    func adminConnections(_ count: Int) -> [AdminConnectionReading] {
        let connections = registry.all().compactMap { $0 as? Connection }.filter { !$0.isAdministrative }
        let busiest = connections.sorted { $0.receivedCount + $0.sentCount > $1.receivedCount + $1.sentCount }
        let time = kernel.now()
        return busiest.prefix(count).map { connection in
            AdminConnectionReading(
                moved: connection.receivedCount + connection.sentCount,
                cells: [
                    .integer(Int(connection.name.rawValue)), .text("\(connection.peer)"),
                    .text(connection.handlerName), .text(connection.state.words), .integer(connection.receivedCount),
                    .integer(connection.sentCount), .integer(connection.queuedBytes),
                    .seconds(max(.zero, connection.lastActivity.duration(to: time))),
                ])
        }
    }

    /// What the connections of each listener may use up.
    var adminLimits: AdminValue {
        let listeners = registry.all().compactMap { $0 as? Listener }
        return .list(
            listeners.map { listener in
                let limits = listener.limits
                return .object([
                    ("listener", .text("\(listener.address)")),
                    ("connections", .integer(limits.effectiveConnections(on: kernel))),
                    ("connectionsPerAddress", limits.connectionsPerAddress.map { .integer($0) } ?? .nothing),
                    ("backlog", .integer(limits.backlog)), ("acceptsPerTurn", .integer(limits.acceptsPerTurn)),
                    ("idleTime", Self.time(limits.idleTime)),
                    ("firstMessageTime", Self.time(limits.firstMessageTime)),
                    ("writeStallTime", Self.time(limits.writeStallTime)),
                    ("outputLowWatermark", .integer(limits.outputLowWatermark)),
                    ("outputHighWatermark", .integer(limits.outputHighWatermark)),
                    ("outputLimit", .integer(limits.outputLimit)),
                ])
            })
    }

    private static func time(_ limit: Duration?) -> AdminValue { limit.map { .seconds($0) } ?? .nothing }
}

extension ConnectionState {
    /// The state in a word or two.
    fileprivate var words: String {
        if contains(.lingering) { return "lingering" }
        if contains(.closing) { return "closing" }
        if contains(.pausedByPressure) { return "held back" }
        if contains(.pausedByUser) { return "paused" }
        if contains(.ended) { return "peer ended" }
        return isDisjoint(with: [.finishing, .finished]) ? "open" : "finished"
    }
}
