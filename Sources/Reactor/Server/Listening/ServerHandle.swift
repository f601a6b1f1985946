// A server's handle for other threads. Its calls send tasks to the server's loops and wait for none of them.

/// A thread-safe handle of a server.
///
/// Its calls return at once and take effect on the server's loops. After the server has ended they have no effect.
public struct ServerHandle: Sendable {
    let members: [LoopBound<ServerMember>]
    let endings: Monitor<ServerEndings>

    /// Stops the server at once: its connections close with ``CloseReason/Kind/loopEnded``.
    public func stop() {
        for member in members { member.loop.stop() }
    }

    /// Drains the server: accepts nothing new, lets open connections finish, and resets the rest at the deadline.
    ///
    /// See ``EventLoop/drain(within:)``.
    ///
    /// - Parameter time: the time until the deadline. Default: 5 s.
    public func drain(within time: Duration = .seconds(5)) {
        // The first loop may accept for all loops: the connections it has handed on precede the others' drain. It stays
        // until the others have ended, because signals are delivered to it.
        members[0].execute { [members, endings] member in
            let isFirst = endings.withLock { endings in
                defer { endings.isDraining = true }
                return !endings.isDraining
            }
            guard isFirst else { return }
            member.loop.awaited += members.count - 1
            member.loop.drain(within: time)
            for other in members.dropFirst() { other.execute { $0.loop.drain(within: time) } }
        }
    }

    /// Replaces the limits.
    ///
    /// ``Limits/connections`` and ``Limits/connectionsPerAddress`` apply to incoming connections: open ones are
    /// counted, and none is closed to meet a lower limit. Socket options, the backlog and ``Limits/firstMessageTime``
    /// apply to incoming connections, too. All other limits also apply to open connections: one that has been idle for
    /// longer than the new ``Limits/idleTime`` is closed. A limit per address that was `nil` before is exact once every
    /// loop has counted its connections.
    ///
    /// - Parameter limits: the new limits.
    public func replaceLimits(_ limits: Limits) {
        for member in members { member.execute { $0.replaceLimits(limits) } }
    }

    /// Collects the counters of all loops.
    ///
    /// - Parameter receive: called once, on a loop's thread, when all loops have replied.
    public func collectStatistics(_ receive: @escaping @Sendable (ServerStatistics) -> Void) {
        let answers = Monitor([LoopStatistics?](repeating: nil, count: members.count))
        let endings = endings
        @Sendable func answer(_ index: Int, _ statistics: LoopStatistics) {
            let all = answers.withLock { answers in
                answers[index] = statistics
                return answers.contains { $0 == nil } ? nil : answers.compactMap { $0 }
            }
            if let all { receive(ServerStatistics(loops: all)) }
        }
        for (index, member) in members.enumerated()
        where !member.execute({ answer(index, $0.loop.statistics) }) {
            answer(index, endings.withLock { $0.statistics[index] } ?? LoopStatistics())
        }
    }
}

/// The counters of a server's loops.
public struct ServerStatistics: Sendable {
    /// The counters of each loop; the first is ``ListeningServer/loop``.
    public let loops: [LoopStatistics]
    /// The sum over all loops.
    public var total: LoopStatistics { loops.reduce(LoopStatistics(), +) }
}
