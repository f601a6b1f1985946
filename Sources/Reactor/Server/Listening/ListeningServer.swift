// A server that listens: its first loop, which is the caller's, its workers, and how they begin and end together.
//
// They begin in this order, so that a failure leaves nothing behind: all loops; then the sockets; then each loop is given
// its own. They end together too: whichever loop ends first, unless it was drained, stops the others, for a server with a
// loop missing would leave connections unanswered that the kernel goes on to deal out to it.

import SystemPackage

/// A server that listens. Belongs to the thread that made it; others hold its ``handle``.
///
/// It is either run, or shut down.
public final class ListeningServer {
    /// The first loop: for signals, timers, and tests that turn it themselves.
    public let loop: EventLoop
    /// Where it listens, with the real port where 0 was asked for; the first place, if there are several.
    public var address: SocketAddress { addresses[0] }
    /// Where it listens: one place, or one for each socket that the process was started with.
    public let addresses: [SocketAddress]
    /// What other threads hold of it.
    public let handle: ServerHandle
    /// The listening sockets, to be handed on; the listeners own them.
    let sockets: [FileDescriptor]
    /// The first loop's part.
    let firstMember: ServerMember
    private let workers: [ServerWorker]
    let inheritance: Inheritance?

    init(
        _ server: TCPServer, on loop: EventLoop, _ prepare: @escaping @Sendable (EventLoop) throws -> HandlerFactory
    ) throws(SocketError) {
        let count = max(1, server.loops)
        guard count <= 1024 else {
            throw SocketError(.prepare, subject: "\(count) loops", reason: "a server has 1 to 1,024")
        }
        if count > 1 && loop.linux == nil {
            throw SocketError(
                .prepare, subject: "\(count) loops", reason: "several loops need threads, and so the real kernel")
        }
        let parts = ServerParts(server, loops: count, on: loop.kernel, prepare)
        let firstMember = try parts.member(on: loop, number: 0)
        var members = [LoopBound(firstMember, on: loop)]
        var workers: [ServerWorker] = []
        do throws(SocketError) {
            for number in 1..<count {
                workers.append(try parts.worker(number, backend: loop.backend, first: members[0]))
            }
            for worker in workers { members.append(try worker.waitUntilServing()) }
            (addresses, sockets) = try Self.open(server, firstMember, members, parts.loads)
        } catch {
            for worker in workers {
                if let member = try? worker.waitUntilServing() { member.loop.stop() }
                _ = worker.join()
            }
            throw error
        }
        self.loop = loop
        self.workers = workers
        self.firstMember = firstMember
        inheritance = server.inheritance
        handle = ServerHandle(members: members, endings: parts.endings)
        loop.administration.furtherLoops += members.dropFirst().map(\.loop)
        let isMissingOne = parts.endings.withLock { endings in
            endings.isComplete = true
            return endings.statistics.contains { $0 != nil }
        }
        if isMissingOne { loop.stop() }
    }

    // MARK: Running

    /// Serves until ``ServerHandle/stop()``, until it is drained, or until one of its loops ends. Everything is shut down
    /// then, on all threads.
    ///
    /// If this process took its sockets over from a predecessor (``Inheritance``), that one is told now that it may go.
    /// - Throws: ``SocketError`` when a loop's selector fails, which no input can bring about.
    public func run() throws(SocketError) {
        beginService()
        let result = Result { () throws(SocketError) in try loop.run() }
        try end(result)
    }

    /// Ends a server that was not run, or whose first loop was turned by hand.
    public func shutdown() {
        loop.shutdown()
        // A failure of a loop that was asked to end is of no consequence.
        _ = try? end(.success(()))
    }

    private func end(_ result: Result<Void, SocketError>) throws(SocketError) {
        // Loops that drain have their own deadlines.
        if !handle.endings.withLock({ $0.isDraining }) { handle.stop() }
        let failures = workers.compactMap { $0.join() }
        handle.endings.withLock { $0.statistics[0] = loop.statistics }
        try result.get()
        if let failure = failures.first { throw failure }
    }

    /// What the loops have counted, when all have ended; of a server that goes on, use
    /// ``ServerHandle/collectStatistics(_:)``.
    public var finalStatistics: ServerStatistics {
        ServerStatistics(loops: handle.endings.withLock { $0.statistics.map { $0 ?? LoopStatistics() } })
    }
}
