// What the admin socket tells of a loop. The names of the fields are read by programs: they may become more, but none
// changes its meaning.

extension EventLoop {
    /// All counters. Times are in seconds.
    var adminStatistics: AdminValue {
        let counted = statistics
        return .object([
            ("backend", .text("\(backend)")),
            ("uptime", .seconds(callbackClock.timeAtStart.duration(to: kernel.now()))),
            ("connections", .integer(connectionCount)), ("descriptors", .integer(registrationCount)),
            ("timers", .integer(timerCount)), ("draining", .truth(isDraining)),
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
        ])
    }

    private static func summary(of times: TimeHistogram) -> AdminValue {
        .object([
            ("count", .integer(times.count)), ("mean", .seconds(times.mean)), ("p50", .seconds(times.quantile(0.5))),
            ("p99", .seconds(times.quantile(0.99))), ("p999", .seconds(times.quantile(0.999))),
            ("max", .seconds(times.longest)),
        ])
    }

    /// The connections that moved most bytes, but those of the admin socket.
    func adminConnections(_ count: Int) -> AdminValue {
        let connections = registry.all().compactMap { $0 as? Connection }.filter { !$0.isAdministrative }
        let busiest = connections.sorted { $0.receivedCount + $0.sentCount > $1.receivedCount + $1.sentCount }
        let time = kernel.now()
        return .table(
            columns: ["descriptor", "peer", "handler", "state", "received", "sent", "queued", "idle"],
            rows: busiest.prefix(count).map { connection in
                [
                    .integer(Int(connection.name.rawValue)), .text("\(connection.peer)"),
                    .text(connection.handlerName), .text(connection.state.words), .integer(connection.receivedCount),
                    .integer(connection.sentCount), .integer(connection.queuedBytes),
                    .seconds(max(.zero, connection.lastActivity.duration(to: time))),
                ]
            })
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
