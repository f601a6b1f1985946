// The connection pool: its bounds, its deadlines, reuse, and an upstream that is gone; for handlers in the simulated
// world, for tasks in both.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

/// Sends one request, and releases the connection when the reply is there.
private final class OneRequest: ConnectionHandler {
    let pool: ConnectionPool
    var replies = ""
    var isDone = false
    var reason: CloseReason?

    init(_ pool: ConnectionPool) { self.pool = pool }

    func connected(_ connection: Connection) { connection.write("ping") }

    func received(_ bytes: RawSpan, on connection: Connection) {
        for offset in 0..<bytes.byteCount { replies.append(Character(UnicodeScalar(bytes.byte(at: offset)))) }
        guard replies == "pong" else { return }
        isDone = true
        pool.release(connection)
    }

    func closed(_ connection: Connection, reason: CloseReason) { self.reason = reason }
}

@Suite(.timeLimit(.minutes(20))) struct ConnectionPoolTests {
    private static let address = SocketAddress.loopback(port: 6379)

    private func serve(_ world: Simulation, after time: Duration = .zero) -> SimulatedServer {
        world.serve(on: Self.address) { peer in
            var answered = 0
            peer.onEnded = { $0.close() }
            peer.onReceived = { peer in
                while answered < peer.received.count / 4 {
                    answered += 1
                    peer.after(time) { if !$0.isClosed { $0.write("pong") } }
                }
            }
        }
    }

    private func pool(
        _ world: Simulation, connections: Int = 2, waiting: Int = 64, waitTime: Duration = .seconds(10),
        idleTime: Duration = .seconds(30)
    ) -> ConnectionPool {
        ConnectionPool(
            on: world.loop, to: "\(Self.address)", connections: connections, waiting: waiting, waitTime: waitTime,
            idleTime: idleTime, random: SeededGenerator(seed: world.seed))
    }

    @Test(arguments: Backend.all) func requestsShareFewConnections(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let upstream = serve(world, after: .milliseconds(5))
        let pool = pool(world)
        let requests = (0..<20).map { _ in OneRequest(pool) }
        for request in requests { pool.lease(handler: { _ in request }, failed: { _ in Issue.record("failed") }) }
        #expect(pool.statistics.waiting == 20 && pool.statistics.connections == 2)
        try world.run { requests.allSatisfy(\.isDone) }
        #expect(upstream.peers.count == 2)
        let counted = pool.statistics
        #expect(counted.leases == 20 && counted.reuses >= 18 && counted.idle == 2 && counted.waiting == 0)
        // Idle connections are closed, and their handlers were not theirs any more.
        try world.run(for: .seconds(31))
        #expect(pool.statistics.connections == 0 && requests.allSatisfy { $0.reason == nil })
        try world.check()
    }

    @Test func tooManyRequestsFailAtOnce() throws {
        let world = try Simulation(seed: 2)
        let upstream = serve(world, after: .seconds(1))
        let pool = pool(world, connections: 1, waiting: 2)
        var failures: [SocketError] = []
        let requests = (0..<4).map { _ in OneRequest(pool) }
        for request in requests { pool.lease(handler: { _ in request }, failed: { failures.append($0) }) }
        #expect(failures.isEmpty, "no user code inside the call")
        try world.run { failures.count == 2 }
        #expect(failures[0].description.contains("2 requests are waiting already") && pool.statistics.rejected == 2)
        try world.run { requests[0].isDone && requests[1].isDone }
        #expect(upstream.peers.count == 1)
        try world.check()
    }

    /// One line, within the deadline, with the reason of the last attempt; and it recovers.
    @Test(arguments: Backend.all) func anUpstreamThatIsGone(_ backend: Backend) throws {
        let world = try Simulation(seed: 3, backend: backend)
        let pool = pool(world, waitTime: .seconds(3))
        var failure: SocketError?
        let request = OneRequest(pool)
        pool.lease(handler: { _ in request }, failed: { failure = $0 })
        let start = world.now
        try world.run { failure != nil }
        #expect(start.duration(to: world.now) < .seconds(4))
        let text = try #require(failure).description
        #expect(text.contains("no connection within") && text.contains("ECONNREFUSED") && !text.contains("\n"))
        #expect(pool.statistics.failures > 1 && pool.statistics.failures < 40, "with pauses")
        let upstream = serve(world)
        pool.lease(handler: { _ in request }, failed: { failure = $0 })
        try world.run { request.isDone }
        #expect(upstream.peers.count == 1)
        try world.check()
    }

    /// A peer that ends, resets or writes to an idle connection: the next request gets another one.
    @Test(arguments: Backend.all, 0..<3) func anUnfitConnectionIsNotReused(_ backend: Backend, _ way: Int) throws {
        let world = try Simulation(seed: 4, backend: backend)
        let upstream = serve(world)
        let pool = pool(world, connections: 1)
        let first = OneRequest(pool)
        pool.lease(handler: { _ in first }, failed: { _ in Issue.record("failed") })
        try world.run { first.isDone }
        switch way {
        case 0: upstream.peers[0].close()
        case 1: upstream.peers[0].reset()
        default: upstream.peers[0].write("unasked")
        }
        try world.run { pool.statistics.connections == 0 }
        let second = OneRequest(pool)
        pool.lease(handler: { _ in second }, failed: { _ in Issue.record("failed") })
        try world.run { second.isDone }
        #expect(upstream.peers.count == 2 && first.reason == nil)
        try world.check()
    }

    /// The upstream crashes under load, with every fault: each request ends in one way.
    @Test(arguments: Backend.all) func everyRequestEndsOnce(_ backend: Backend) throws {
        for seed in 0..<10 as Range<UInt64> {
            let world = try Simulation(seed: seed, faults: .mild, backend: backend)
            let upstream = serve(world, after: .milliseconds(20))
            let pool = pool(world, connections: 3, waiting: 100, waitTime: .seconds(5))
            var (begun, failed) = (0, 0)
            let requests = (0..<40).map { _ in OneRequest(pool) }
            for request in requests {
                pool.lease(
                    handler: { _ in
                        begun += 1
                        return request
                    }, failed: { _ in failed += 1 })
            }
            world.kernel.after(.milliseconds(50)) { upstream.crash() }
            world.kernel.after(.seconds(2)) { upstream.start() }
            try world.run {
                begun + failed == 40 && pool.statistics.waiting == 0
                    && requests.filter { $0.isDone || $0.reason != nil }.count == begun
            }
            pool.close()
            try world.check()
            #expect(pool.statistics.leases == begun)
        }
    }

    // MARK: Tasks

    @Test(arguments: AsyncWorld.all) func tasksShareConnections(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { try await echo($0) }
            let pool = ConnectionPool(on: loop, to: "\(address)", connections: 2)
            for _ in 0..<10 {
                let reply = try await pool.withConnection { connection in
                    try await connection.write("hello")
                    return try await connection.readExactly(5)
                }
                #expect(reply == Array("hello".utf8))
            }
            #expect(pool.statistics.connections == 1 && pool.statistics.reuses == 9)
            // Unread input, or an error, ends a connection.
            try await pool.withConnection { connection in
                try await connection.write("hello")
                _ = try await connection.read(upTo: 1)
            }
            struct Wrong: Error {}
            await #expect(throws: Wrong.self) { try await pool.withConnection { _ in throw Wrong() } }
            #expect(pool.statistics.idle == 0)
            pool.close()
            await #expect(throws: SocketError.self) { try await pool.withConnection { _ in } }
        }
    }

    @Test func cancellingEndsTheWait() throws {
        try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            let address = try loop.served { try await echo($0) }
            let pool = ConnectionPool(on: loop, to: "\(address)", connections: 1)
            try await pool.withConnection { _ in
                // The deadline cancels the task that waits for the second connection.
                let error = await #expect(throws: WaitError.self) {
                    try await loop.withDeadline(.milliseconds(5)) { try await pool.withConnection { _ in } }
                }
                #expect(error?.kind == .deadline)
                #expect(pool.statistics.waiting == 0 && pool.statistics.leases == 1)
            }
            pool.close()
        }
    }
}
