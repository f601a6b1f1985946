// A listening server: its first loop, which is the caller's, and its workers, which start and end together.
//
// They start in this order, so that a failure leaves nothing behind: first all loops, then the sockets, then each loop
// gets its own. They end together: the first loop that ends without a drain stops the others, because the kernel would
// go on assigning connections to the missing one.

import SystemPackage

/// A listening server.
///
/// It is confined to the thread that created it; other threads use its ``handle``. It has to be either run or shut
/// down.
public final class ListeningServer {
    /// The first loop, for signals, for timers, and for tests that perform turns themselves.
    public let loop: EventLoop
    /// The listening address, with the port that the kernel chose for 0; the first one if there are several.
    public var address: SocketAddress { addresses[0] }
    /// The listening addresses: one, or one per inherited socket.
    public let addresses: [SocketAddress]
    /// The server's handle for other threads.
    public let handle: ServerHandle
    /// The listening sockets, for a successor; the listeners own them.
    let sockets: [FileDescriptor]
    /// The first loop's part of the server.
    let firstMember: ServerMember
    private let workers: [ServerWorker]
    let inheritance: Inheritance?

    init(
        _ server: TCPServer, on loop: EventLoop, _ prepare: @escaping @Sendable (EventLoop) throws -> HandlerFactory
    ) throws(SocketError) {
        let count = max(1, server.loops)
        guard count <= 1024 else {
            throw SocketError(.prepare, subject: "\(count) loops", reason: "the maximum is 1,024")
        }
        if count > 1 && loop.linux == nil {
            throw SocketError(
                .prepare, subject: "\(count) loops", reason: "several loops need the real kernel's threads; use 1")
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

    /// Serves until ``ServerHandle/stop()``, until it has drained, or until one of its loops ends.
    ///
    /// Everything is shut down then, on all threads. If this process took its sockets over from a predecessor
    /// (``Inheritance``), the predecessor is notified first that it may end.
    /// - Throws: ``SocketError`` when a loop's selector fails, which no input can cause.
    public func run() throws(SocketError) {
        beginService()
        let result = Result { () throws(SocketError) in try loop.run() }
        try end(result)
    }

    /// Shuts down a server that was not run, or whose first loop was turned by hand.
    public func shutdown() {
        loop.shutdown()
        // A failure of a loop that is ending anyway has no consequences.
        _ = try? end(.success(()))
    }

    private func end(_ result: Result<Void, SocketError>) throws(SocketError) {
        // Draining loops have their own deadlines.
        if !handle.endings.withLock({ $0.isDraining }) { handle.stop() }
        let failures = workers.compactMap { $0.join() }
        handle.endings.withLock { $0.statistics[0] = loop.statistics }
        try result.get()
        if let failure = failures.first { throw failure }
    }

    /// The loops' counters after all have ended; for a running server, use ``ServerHandle/collectStatistics(_:)``.
    public var finalStatistics: ServerStatistics {
        ServerStatistics(loops: handle.endings.withLock { $0.statistics.map { $0 ?? LoopStatistics() } })
    }
}
