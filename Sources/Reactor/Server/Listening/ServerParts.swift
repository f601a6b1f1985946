// What the loops of a server share, and how each is made from it: the same for the first loop and for the workers.

/// What the threads of a server know of each other's end.
struct ServerEndings: Sendable {
    /// What the loops that have ended had counted.
    var statistics: [LoopStatistics?]
    /// Whether the server is complete: a loop that ends then ends the others.
    var isComplete = false
    /// Whether all drain: each loop ends in its own time then.
    var isDraining = false
}

/// What all loops of a server are made from.
struct ServerParts: Sendable {
    private let server: TCPServer
    private let prepare: @Sendable (EventLoop) throws -> HandlerFactory
    /// The counts of all loops together; `nil` where there is one loop, which needs no lock.
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

    /// A loop's part of the server, on that loop's thread.
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

    /// A further loop on a thread of its own, which tells the first one of its end.
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
