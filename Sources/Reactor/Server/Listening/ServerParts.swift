// The state that a server's loops share, and the construction of each loop's part, first loop and workers alike.

/// The shared record of which loops have ended.
struct ServerEndings: Sendable {
    /// The counters of the loops that have ended.
    var statistics: [LoopStatistics?]
    /// Whether the server is complete, so that the end of one loop ends the others.
    var isComplete = false
    /// Whether all loops drain, so that each ends on its own.
    var isDraining = false
}

/// The shared parts of a server's loops.
struct ServerParts: Sendable {
    private let server: TCPServer
    private let prepare: @Sendable (EventLoop) throws -> HandlerFactory
    /// The connection counts of all loops; `nil` with a single loop, which needs no lock.
    private let counts: Monitor<ConnectionCounts>?
    let loads: [LoopLoad]
    let endings: Monitor<ServerEndings>

    init(
        _ server: TCPServer, loops: Int, on kernel: any SystemCalls,
        _ prepare: @escaping @Sendable (EventLoop) throws -> HandlerFactory
    ) {
        self.server = server
        self.prepare = prepare
        counts = loops > 1 ? Monitor(ConnectionCounts(server.limits, on: kernel)) : nil
        loads = (0..<loops).map { _ in LoopLoad() }
        endings = Monitor(ServerEndings(statistics: Array(repeating: nil, count: loops)))
    }

    /// Creates a loop's part of the server, on that loop's thread.
    func member(on loop: EventLoop, number: Int) throws(SocketError) -> ServerMember {
        do {
            return ServerMember(
                loop: loop, server: server, sharing: counts, load: loads[number], makeHandler: try prepare(loop))
        } catch let error as SocketError {
            throw error
        } catch {
            throw SocketError(.prepare, subject: "loop \(number + 1)", reason: "\(error)")
        }
    }

    /// Starts a further loop on its own thread; its end is reported to the first loop.
    func worker(
        _ number: Int, backend: Backend, first: LoopBound<ServerMember>
    ) throws(SocketError) -> ServerWorker {
        try ServerWorker(named: "reactor \(number + 1)") { () throws(SocketError) in
            let loop = try EventLoop(backend: backend)
            do throws(SocketError) {
                return (loop, try member(on: loop, number: number))
            } catch {
                loop.shutdown()
                throw error
            }
        } ended: { loop in
            let (isComplete, isDraining) = endings.withLock { endings in
                endings.statistics[number] = loop.statistics
                return (endings.isComplete, endings.isDraining)
            }
            guard isComplete else { return }
            first.execute { member in
                if !isDraining { return member.loop.stop() }
                member.loop.awaited -= 1
                member.loop.endDrainIfIdle()
            }
        }
    }
}
