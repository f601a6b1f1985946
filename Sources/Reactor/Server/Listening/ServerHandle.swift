// What other threads hold of a server. Everything here sends tasks to the server's loops and waits for none of them.

/// A server, as any thread may see it.
///
/// Its calls return at once; what they ask for happens on the server's loops. On a server that has ended they do nothing.
public struct ServerHandle: Sendable {
    let members: [LoopBound<ServerMember>]
    let endings: Monitor<ServerEndings>

    /// Ends the server now: handlers are told ``CloseReason/Kind/loopEnded``.
    public func stop() {
        for member in members { member.loop.stop() }
    }

    /// Ends the server gently: no newcomers, then every handler is told with ``ConnectionHandler/draining(_:)``, and what
    /// is left at the deadline is reset. See ``EventLoop/drain(within:)``.
    ///
    /// - Parameter time: how long it may take. Default: 5 s.
    public func drain(within time: Duration = .seconds(5)) {
        // The first loop may be the one that accepts for all: what it has handed on comes before the others' drain. It
        // stays until they have ended, for it is the one that signals come to.
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

    /// Has other limits hold from now on.
    ///
    /// ``Limits/connections`` and ``Limits/connectionsPerAddress`` hold for newcomers: nobody is closed because there are
    /// too many, and those who are here count. So do the options of sockets, the backlog and
    /// ``Limits/firstMessageTime``. All other limits hold for open connections as well: a connection that has been idle
    /// for longer than the new ``Limits/idleTime`` ends. A limit of an address that was `nil` is exact when every loop has
    /// counted those it has.
    public func replaceLimits(_ limits: Limits) {
        for member in members { member.execute { $0.replaceLimits(limits) } }
    }

    /// Asks all loops for their counters.
    ///
    /// - Parameter receive: called once, when all have answered; on a loop's thread.
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

/// The counters of a server.
public struct ServerStatistics: Sendable, Hashable {
    /// Each loop's, the first being that of ``ListeningServer/loop``.
    public let loops: [LoopStatistics]
    /// Their sum.
    public var total: LoopStatistics { loops.reduce(LoopStatistics(), +) }
}
