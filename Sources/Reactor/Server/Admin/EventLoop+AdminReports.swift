// The reports of loops on the admin socket. Programs read the field names: fields may be added, but none may change its
// meaning.

/// A snapshot of a loop's state.
struct AdminLoopReading: Sendable {
    var backend: Backend
    var uptime: Duration
    var connections = 0, descriptors = 0, timers = 0
    var isDraining = false
    var counted: LoopStatistics
    /// The back ends of all loops in this sum.
    var backends = ""

    /// Returns the sum of all loops that have reported.
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

    /// Returns the summed counters of all loops; of several loops, also each one's main counters. Times are in seconds.
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

    /// This loop's row in the table, without its number.
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

/// A snapshot of a connection.
struct AdminConnectionReading: Sendable {
    /// The bytes moved in both directions; the busiest connections are shown.
    let moved: Int
    let cells: [AdminValue]

    private static let columns = ["descriptor", "peer", "handler", "state", "received", "sent", "queued", "idle"]

    /// Returns the busiest connections of all loops; of several loops, each with its loop's number.
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
    /// A snapshot of this loop.
    var adminReading: AdminLoopReading {
        AdminLoopReading(
            backend: backend, uptime: callbackClock.timeAtStart.duration(to: kernel.now()),
            connections: connectionCount - administration.openCount, descriptors: registrationCount,
            timers: timerCount, isDraining: isDraining, counted: statistics)
    }

    /// Returns this loop's busiest connections, without those of the admin socket.
    func adminConnections(_ count: Int) -> [AdminConnectionReading] {
        let connections = registry.all().compactMap { $0 as? Connection }.filter { !$0.isAdministrative }
        let busiest = connections.sorted { $0.receivedCount + $0.sentCount > $1.receivedCount + $1.sentCount }
        let time = kernel.now()
        return busiest.prefix(count).map { connection in
            AdminConnectionReading(
                moved: connection.receivedCount + connection.sentCount,
                cells: [
                    .integer(Int(connection.fd.rawValue)), .text("\(connection.peer)"),
                    .text(connection.handlerName), .text(connection.state.words), .integer(connection.receivedCount),
                    .integer(connection.sentCount), .integer(connection.queuedBytes),
                    .seconds(max(.zero, connection.lastActivity.duration(to: time))),
                ])
        }
    }

    /// The limits of each listener.
    var adminLimits: AdminValue {
        let listeners = registry.all().compactMap { $0 as? Listener }
        return .list(
            listeners.compactMap { listener in
                guard let limits = (listener.delegate as? any LimitingDelegate)?.listenerLimits else { return nil }
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
    /// The state in one or two words.
    fileprivate var words: String {
        if contains(.lingering) { return "lingering" }
        if contains(.closing) { return "closing" }
        if contains(.pausedByPressure) { return "held back" }
        if contains(.pausedByUser) { return "paused" }
        if contains(.ended) { return "peer ended" }
        return isDisjoint(with: [.closingWrite, .writeClosed]) ? "open" : "finished"
    }
}
