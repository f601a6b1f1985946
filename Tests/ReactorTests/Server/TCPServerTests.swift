// A server of several loops on real sockets: they begin together and end together, count together, and share the work.

import Glibc
import Reactor
import Synchronization
import SystemPackage
import Testing

/// Says which loop it is on, then echoes.
private final class Telling: ConnectionHandler {
    let number: Int
    init(_ number: Int) { self.number = number }
    func connected(_ connection: Connection) { connection.write("\(number)") }
    func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
}

/// Numbers given out to loops.
private final class Numbers: Sendable {
    private let next = Atomic<Int>(0)
    func take() -> Int { next.add(1, ordering: .relaxed).oldValue }
}

/// Runs a server whose handlers tell the number of their loop, the first loop being turned by the test.
private func withServer(
    _ server: TCPServer, _ body: (ListeningServer) throws -> Void
) throws {
    let numbers = Numbers()
    let listening = try server.listen(on: nil) { _ in
        let number = numbers.take()
        return { _ in Telling(number) }
    }
    defer { listening.shutdown() }
    try body(listening)
}

extension ListeningServer {
    /// What all loops have counted, asked while the first one is turned.
    fileprivate func statistics() throws -> ServerStatistics {
        let answer = Mutex<ServerStatistics?>(nil)
        handle.collectStatistics { statistics in answer.withLock { $0 = statistics } }
        try loop.run { answer.withLock { $0 != nil } }
        return try #require(answer.withLock { $0 })
    }
}

@Suite(.timeLimit(.minutes(20))) struct TCPServerTests {
    static let distributions = [ConnectionDistribution.listenerPerLoop, .roundRobin, .leastLoaded]

    private func loopback(_ loops: Int, _ distribution: ConnectionDistribution = .listenerPerLoop) -> TCPServer {
        var server = TCPServer(on: .loopback(port: 0), loops: loops)
        server.distribution = distribution
        return server
    }

    @Test(arguments: distributions) func everyLoopServes(_ distribution: ConnectionDistribution) throws {
        try withServer(loopback(3, distribution)) { server in
            #expect(server.address.port > 0)
            var clients: [TestClient] = []
            // The kernel deals out by chance, but a hundred connections never leave one of three out.
            for _ in 0..<100 { clients.append(try TestClient(server.address)) }
            try server.loop.run { clients.allSatisfy { !$0.received.isEmpty || $0.drain() || !$0.received.isEmpty } }
            #expect(Set(clients.map(\.text)) == ["0", "1", "2"])
            let counts = try server.statistics()
            #expect(counts.loops.count == 3 && counts.total.connectionsOpened == 100)
            if distribution != .listenerPerLoop {
                #expect(counts.loops.map(\.connectionsOpened).sorted() == [33, 33, 34])
            }
        }
    }

    @Test func theLeastLoadedLoopIsChosen() throws {
        try withServer(loopback(2, .leastLoaded)) { server in
            var clients: [TestClient] = []
            for _ in 0..<10 { clients.append(try TestClient(server.address)) }
            try server.loop.run { clients.allSatisfy { $0.drain() || !$0.received.isEmpty } }
            // All of one loop go; the next ones all come to it.
            let leaving = try #require(clients.first).text
            let gone = clients.filter { $0.text == leaving }
            for client in gone { client.close() }
            try server.loop.run { try server.statistics().total.connectionsClosed == 5 }
            let coming = try (0..<5).map { _ in try TestClient(server.address) }
            try server.loop.run { coming.allSatisfy { $0.drain() || !$0.received.isEmpty } }
            #expect(gone.count == 5 && coming.allSatisfy { $0.text == leaving })
        }
    }

    @Test(arguments: distributions) func theLimitIsExactOverAllLoops(_ distribution: ConnectionDistribution) throws {
        var configuration = loopback(3, distribution)
        configuration.limits.connections = 20
        configuration.limits.connectionsPerAddress = 8
        configuration.address = .ipv4(0, 0, 0, 0, port: 0)
        try withServer(configuration) { server in
            let address = SocketAddress.loopback(port: server.address.port)
            var clients: [TestClient] = []
            for host: UInt8 in [2, 3, 4] {
                for _ in 0..<12 { clients.append(try TestClient(address, from: .ipv4(127, 0, 0, host, port: 0))) }
            }
            try server.loop.run { clients.allSatisfy { $0.drain() || !$0.received.isEmpty } }
            let counts = try server.statistics()
            #expect(counts.total.connectionsOpened == 20)
            #expect(counts.total.connectionsRefused == 16)
            #expect(counts.total.refusals[.addressLimit] + counts.total.refusals[.connectionLimit] == 16)
            for start in [0, 12, 24] {
                #expect(clients[start..<start + 12].filter { $0.ending == nil }.count <= 8)
            }
            // All leave; as many may come again.
            for client in clients { client.close() }
            try server.loop.run { try server.statistics().total.connectionsClosed == 20 }
            let again = try (0..<8).map { _ in try TestClient(address, from: .ipv4(127, 0, 0, 2, port: 0)) }
            try server.loop.run { again.allSatisfy { $0.drain() || !$0.received.isEmpty } }
            #expect(again.allSatisfy { $0.ending == nil })
        }
    }

    @Test func countsAreExactAcrossNewLimitsOnSeveralLoops() throws {
        try withServer(loopback(3)) { server in
            var clients = try (0..<30).map { _ in try TestClient(server.address) }
            try server.loop.run { clients.allSatisfy { $0.drain() || !$0.received.isEmpty } }
            var limits = Limits()
            limits.connectionsPerAddress = 31  // off before
            server.handle.replaceLimits(limits)
            _ = try server.statistics()  // behind the new limits on every loop
            let more = try (0..<5).map { _ in try TestClient(server.address) }
            try server.loop.run { more.allSatisfy { $0.drain() || !$0.received.isEmpty } }
            #expect(more.filter { $0.ending == nil }.count == 1)
            limits.connectionsPerAddress = nil
            limits.connections = 10
            server.handle.replaceLimits(limits)
            _ = try server.statistics()
            for client in clients.prefix(21) { client.close() }
            clients.removeFirst(21)
            try server.loop.run { try server.statistics().total.connectionsClosed == 21 }
            let last = try (0..<5).map { _ in try TestClient(server.address) }
            try server.loop.run { last.allSatisfy { $0.drain() || !$0.received.isEmpty } }
            #expect(last.allSatisfy { $0.ending != nil }, "ten are open")
        }
    }

    // MARK: Beginning

    @Test(arguments: [1, 3]) func anAddressInUseIsNamedAndNothingIsLeft(_ loops: Int) throws {
        try withServer(loopback(2)) { running in
            // SO_REUSEPORT is set on the running ones, and yet nobody joins them unasked.
            let counting = CountingKernel()
            let loop = try EventLoop(kernel: loops == 1 ? counting : LinuxKernel.shared)
            defer { loop.shutdown() }
            let registered = loop.registrationCount
            var server = TCPServer(on: running.address, loops: loops)
            server.limits.connections = 10
            let error = #expect(throws: SocketError.self) {
                _ = try server.listen(on: loop) { _ in { _ in Telling(0) } }
            }
            #expect(error?.errno == .addressInUse && error?.subject == "\(running.address)")
            #expect(loop.registrationCount == registered)
            #expect(counting.faults.isEmpty)
        }
    }

    @Test func whatKeepsALoopFromBeingPreparedIsTold() throws {
        struct Unprepared: Error {}
        let numbers = Numbers()
        let loop = try EventLoop()
        defer { loop.shutdown() }
        let error = #expect(throws: SocketError.self) {
            _ = try loopback(3).listen(on: loop) { _ in
                if numbers.take() == 2 { throw Unprepared() }
                return { _ in Telling(0) }
            }
        }
        #expect(error?.subject.hasPrefix("loop ") == true && error?.reason.contains("Unprepared") == true)
        // The caller's loop is as it was: it still runs.
        var isOver = false
        loop.execute { isOver = true }
        try loop.run { isOver }
    }

    @Test func eachLoopIsPreparedOnItsOwnThread() throws {
        let threads = Mutex<Set<UInt>>([])
        let server = try loopback(3).listen(on: nil) { loop in
            _ = threads.withLock { $0.insert(UInt(pthread_self())) }
            loop.schedule(after: .zero) {}
            return { _ in Telling(0) }
        }
        defer { server.shutdown() }
        #expect(threads.withLock { $0.count } == 3)
    }

    // MARK: Ending

    @Test(arguments: [0, 1], [false, true]) func whoeverEndsALoopEndsTheServer(_ client: Int, _ drains: Bool) throws {
        let server = try loopback(3, .roundRobin).listen { _ in
            final class Ending: ConnectionHandler {
                let drains: Bool
                init(_ drains: Bool) { self.drains = drains }
                func connected(_ connection: Connection) { connection.write("here") }
                func received(_ bytes: RawSpan, on connection: Connection) {
                    if drains { connection.loop.drain() } else { connection.loop.stop() }
                }
            }
            return Ending(drains)
        }
        let address = server.address
        let thread = TestThread {
            // The first one is the first loop's, the second one a worker's.
            guard let clients = try? [TestClient(address), TestClient(address)] else { return }
            for client in clients { while client.text != "here" && !client.drain() { sched_yield() } }
            clients[client].send("end")
            while !clients[1 - client].drain() { sched_yield() }
        }
        try server.run()
        thread.join()
        #expect(server.finalStatistics.total.connectionsClosed == 2)
    }

    @Test(arguments: distributions) func stopFromAnotherThreadEndsAllLoops(_ distribution: ConnectionDistribution)
        throws
    {
        let server = try loopback(3, distribution).listen { _ in Telling(0) }
        let handle = server.handle
        let thread = TestThread { handle.stop() }
        try server.run()
        thread.join()
        // On a server that has ended nothing happens, and whoever asks is answered.
        handle.stop()
        handle.drain()
        handle.replaceLimits(Limits())
        let loops = Mutex(0)
        handle.collectStatistics { statistics in loops.withLock { $0 = statistics.loops.count } }
        #expect(loops.withLock { $0 } == 3)
        #expect(server.finalStatistics.loops.count == 3)
    }

    /// Regression 22, over several loops: the deadline is honoured, and both kinds are counted.
    @Test(arguments: distributions) func drainingEndsAllLoopsByTheDeadline(_ distribution: ConnectionDistribution)
        throws
    {
        let server = try loopback(3, distribution).listen { _ in
            final class Stubborn: ConnectionHandler {
                func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
                func draining(_ connection: Connection) {
                    if connection.bytesReceived > 0 { connection.close() }
                }
            }
            return Stubborn()
        }
        let (address, handle) = (server.address, server.handle)
        let outcome = Mutex<(ended: Int, reset: Int)>((0, 0))
        let thread = TestThread {
            guard let clients = try? (0..<12).map({ _ in try TestClient(address) }) else { return handle.stop() }
            for client in clients.prefix(9) { client.send("x") }
            for client in clients.prefix(9) {
                while client.text != "x" {
                    if client.drain() { break }
                    sched_yield()
                }
            }
            handle.drain(within: .milliseconds(300))
            for client in clients.prefix(9) {
                while !client.drain() { sched_yield() }
                client.close()
            }
            for client in clients.dropFirst(9) { while !client.drain() { sched_yield() } }
            outcome.withLock { outcome in
                for client in clients {
                    if client.ending == .end { outcome.ended += 1 } else { outcome.reset += 1 }
                }
            }
        }
        let start = ContinuousClock.now
        try server.run()
        #expect(ContinuousClock.now - start >= .milliseconds(300))
        thread.join()
        #expect(outcome.withLock { $0.ended == 9 && $0.reset == 3 })
        let total = server.finalStatistics.total
        #expect(total.drainsFinished == 9 && total.drainsAborted == 3)
    }
}
