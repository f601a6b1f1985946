// A server of one loop in the simulated world: who may connect, PROXY headers in any pieces, new limits, draining.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

/// A simulated world with a server in it.
private final class ServerWorld {
    let world: Simulation
    let server: ListeningServer
    private(set) var connections: [Connection] = []
    var reports: [LoopReport] = []

    init(
        seed: UInt64 = 1, faults: Faults = .none, backend: Backend = .epoll(), limits: Limits = Limits(),
        _ prepare: (inout TCPServer) -> Void = { _ in },
        handler: @escaping () -> any ConnectionHandler = { EchoHandler() }
    ) throws {
        world = try Simulation(seed: seed, faults: faults, backend: backend)
        var configuration = TCPServer(on: .loopback(port: 7788), limits: limits)
        prepare(&configuration)
        let holder = Holder()
        world.loop.onReport = { holder.world?.reports.append($0) }
        // The factory runs on this thread, but is Sendable: it finds this world by its loop's.
        server = try configuration.listen(on: world.loop) { [factory = Factory(handler, holder)] _ in factory.make }
        holder.world = self
    }

    private final class Holder { weak var world: ServerWorld? }

    /// Safe to share: one thread has all of it.
    private final class Factory: @unchecked Sendable {
        private let handler: () -> any ConnectionHandler
        private let holder: Holder

        init(_ handler: @escaping () -> any ConnectionHandler, _ holder: Holder) {
            self.handler = handler
            self.holder = holder
        }

        func make(_ connection: Connection) -> any ConnectionHandler {
            holder.world?.connections.append(connection)
            return holder.world?.world.observe(handler()) ?? handler()
        }
    }

    var statistics: LoopStatistics { world.loop.statistics }

    func connect(from host: String? = nil) throws -> SimulatedClient {
        let local = try host.map { try #require(SocketAddress(host: $0, port: 0)) }
        return world.connect(to: .loopback(port: 7788), from: local)
    }

    /// Exactly these refusals, and no others.
    func expectRefusals(_ expected: [Refusal: Int], sourceLocation: SourceLocation = #_sourceLocation) {
        for reason in Refusal.all {
            #expect(
                statistics.refusals[reason] == expected[reason, default: 0], "\(reason)", sourceLocation: sourceLocation
            )
        }
        #expect(statistics.connectionsRefused == expected.values.reduce(0, +), sourceLocation: sourceLocation)
    }
}

@Suite(.timeLimit(.minutes(20))) struct SimulatedServerTests {
    static let line = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"

    // MARK: Policy

    @Test(arguments: Backend.all) func whoIsNotAllowedIsRefusedCountedAndReportedOnce(_ backend: Backend) throws {
        let here = try ServerWorld(backend: backend) {
            $0.policy = AcceptPolicy(allowing: [try! IPNetwork("127.0.0.0/24")], denying: [try! IPNetwork("127.0.0.9")])
        }
        let friend = try here.connect(from: "127.0.0.2")
        let foes = try (0..<20).map { _ in try here.connect(from: "127.0.0.9") } + [here.connect(from: "127.0.1.1")]
        friend.write("hello")
        try here.world.run { friend.text == "hello" && foes.allSatisfy(\.isOver) }
        here.expectRefusals([.policy: 21])
        #expect(here.reports.count == 1 && here.reports[0].kind == .connectionRefused)
        #expect(here.statistics.connectionsOpened == 1)
        try here.world.check()
    }

    // MARK: PROXY headers

    private func behindProxy(
        _ backend: Backend, seed: UInt64 = 1, faults: Faults = .none, limits: Limits = Limits(),
        _ prepare: (inout TCPServer) -> Void = { _ in }
    ) throws -> ServerWorld {
        try ServerWorld(seed: seed, faults: faults, backend: backend, limits: limits) {
            $0.proxyProtocol = ProxyProtocol(trusting: [try! IPNetwork("127.0.0.0/8")])
            prepare(&$0)
        }
    }

    @Test(arguments: Backend.all) func aHeaderInAnyPiecesIsReadAndWhatFollowsIsDelivered(_ backend: Backend) throws {
        for seed in 0..<30 as Range<UInt64> {
            var faults = Faults.mild
            faults.segment = 1...Int(seed % 10 * 20 + 1)
            let here = try behindProxy(backend, seed: seed, faults: faults)
            let client = try here.connect()
            client.write(Self.line + "payload behind it, in the same read or not")
            try here.world.run { client.text == "payload behind it, in the same read or not" }
            #expect(here.connections[0].peer == .ipv4(192, 0, 2, 1, port: 56324))
            #expect(here.connections[0].directPeer == client.address)
            client.closeWrite()
            try here.world.run { client.ended }
            try here.world.check()
        }
    }

    @Test(arguments: Backend.all) func aProxyThatSpeaksForItselfIsThePeer(_ backend: Backend) throws {
        let here = try behindProxy(backend)
        let clients = try [here.connect(), here.connect()]
        clients[0].write("PROXY UNKNOWN\r\nx")
        clients[1].write([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x20, 0, 0, 0, 0x78])
        try here.world.run { clients.allSatisfy { $0.text == "x" } }
        let (peers, addresses) = (Set(here.connections.map(\.peer)), Set(clients.map(\.address)))
        #expect(peers == addresses)
        try here.world.check()
    }

    @Test(arguments: Backend.all) func everyOtherBeginningIsResetAndCounted(_ backend: Backend) throws {
        let here = try behindProxy(backend) { $0.proxyProtocol?.headerTime = .seconds(3) }
        let malformed = try ["GET / HTTP/1.1\r\n\r\n", "PROXY TCP4 1 2 3 4\r\n", "PROXX"].map { text in
            let client = try here.connect()
            client.write(text)
            return client
        }
        let cut = try here.connect()
        cut.write("PROXY TCP4 192.0")
        cut.closeWrite()
        let silent = try here.connect()
        let dripping = try here.connect()
        for index in 0..<40 {
            here.world.kernel.after(.milliseconds(index * 200)) {
                if !dripping.isOver { dripping.write(String(Array(Self.line)[index])) }
            }
        }
        let start = here.world.now
        try here.world.run { (malformed + [cut]).allSatisfy(\.isOver) }
        #expect(start.duration(to: here.world.now) < .milliseconds(100))
        try here.world.run { silent.isOver && dripping.isOver }
        #expect(abs(start.duration(to: here.world.now) / .seconds(1) - 3) < 0.1, "bytes that drip in do not help")
        let all = malformed + [cut, silent, dripping]
        #expect(all.allSatisfy { $0.wasReset })
        here.expectRefusals([.proxyHeader: 4, .proxyHeaderTimeout: 2])
        #expect(here.statistics.connectionsOpened == 0)
        try here.world.check()
    }

    @Test(arguments: Backend.all) func onlyTrustedProxiesMaySpeakForOthers(_ backend: Backend) throws {
        let here = try behindProxy(backend) {
            $0.proxyProtocol = ProxyProtocol(trusting: [try! IPNetwork("127.0.0.2")])
        }
        let (trusted, liar) = try (here.connect(from: "127.0.0.2"), here.connect(from: "127.0.0.3"))
        for client in [trusted, liar] { client.write(Self.line + "x") }
        try here.world.run { trusted.text == "x" && liar.isOver }
        here.expectRefusals([.untrustedProxy: 1])
        try here.world.check()
    }

    @Test(arguments: Backend.all) func policyAndLimitOfAnAddressAreAboutTheClient(_ backend: Backend) throws {
        var limits = Limits()
        limits.connectionsPerAddress = 2
        let here = try behindProxy(backend, limits: limits) {
            $0.policy = AcceptPolicy(denying: [try! IPNetwork("192.0.2.66")])
        }
        func client(_ host: String) throws -> SimulatedClient {
            let client = try here.connect()
            client.write("PROXY TCP4 \(host) 198.51.100.2 1 443\r\nx")
            return client
        }
        let crowd = try (0..<5).map { _ in try client("192.0.2.1") }
        let (other, denied) = try (client("192.0.2.2"), client("192.0.2.66"))
        try here.world.run { (crowd + [other, denied]).allSatisfy { $0.text == "x" || $0.isOver } }
        #expect(crowd.filter { $0.text == "x" && !$0.isOver }.count == 2)
        #expect(!other.isOver && denied.isOver)
        here.expectRefusals([.addressLimit: 3, .policy: 1])
        // Who leaves makes room.
        for client in crowd where !client.isOver { client.close() }
        try here.world.run { here.statistics.connectionsClosed == 2 }
        let again = try client("192.0.2.1")
        try here.world.run { again.text == "x" }
        try here.world.check()
    }

    @Test(arguments: Backend.all) func thoseWhoseHeaderIsAwaitedCount(_ backend: Backend) throws {
        var limits = Limits()
        limits.connections = 3
        let here = try behindProxy(backend, limits: limits)
        let silent = try (0..<3).map { _ in try here.connect() }
        try here.world.run(for: .milliseconds(10))
        let late = try here.connect()
        try here.world.run { late.isOver }
        here.expectRefusals([.connectionLimit: 1])
        try here.world.run { silent.allSatisfy(\.isOver) }
        let next = try here.connect()
        next.write(Self.line + "x")
        try here.world.run { next.text == "x" }
        try here.world.check()
    }

    @Test(arguments: Backend.all) func underHarshFaultsNothingLeaksAndNothingSpins(_ backend: Backend) throws {
        for seed in 0..<40 as Range<UInt64> {
            let here: ServerWorld
            do { here = try behindProxy(backend, seed: seed, faults: .harsh) } catch is SocketError { continue }
            let clients = try (0..<8).map { index in
                let client = try here.connect()
                client.write(index % 3 == 2 ? "PROXY TCP4 nonsense" : Self.line + "x")
                if index % 2 == 0 { client.closeWrite() }
                return client
            }
            try here.world.run(for: .seconds(20))
            _ = clients
            try here.world.check()
        }
    }

    // MARK: New limits

    @Test(arguments: Backend.all) func newLimitsHoldForThoseWhoAreHere(_ backend: Backend) throws {
        let here = try ServerWorld(backend: backend)
        let client = try here.connect()
        client.write("x")
        try here.world.run { client.text == "x" }
        var limits = Limits()
        limits.idleTime = .seconds(2)
        let start = here.world.now
        here.server.handle.replaceLimits(limits)
        try here.world.run { client.isOver }
        #expect(abs(start.duration(to: here.world.now) / .seconds(1) - 2) < 0.1)
        #expect(here.world.handlers[0].reason?.kind == .idle)
        try here.world.check()
    }

    @Test(arguments: Backend.all) func countsAreExactAcrossNewLimits(_ backend: Backend) throws {
        let here = try ServerWorld(backend: backend)
        var clients = try (0..<4).map { _ in try here.connect(from: "127.0.0.2") }
        try here.world.run { here.connections.count == 4 }
        var limits = Limits()
        limits.connections = 5
        limits.connectionsPerAddress = 4
        here.server.handle.replaceLimits(limits)
        // The limit of an address was off before: those who are here are counted now.
        try here.world.run { here.statistics.tasksRun >= 1 }
        let fifth = try here.connect(from: "127.0.0.2")
        try here.world.run { fifth.isOver }
        here.expectRefusals([.addressLimit: 1])
        let other = try here.connect(from: "127.0.0.3")
        try here.world.run { here.connections.count == 5 }
        let sixth = try here.connect(from: "127.0.0.4")
        try here.world.run { sixth.isOver }
        here.expectRefusals([.addressLimit: 1, .connectionLimit: 1])
        // Fewer than there are: nobody is closed, and nobody comes in before enough have left.
        limits.connections = 2
        limits.connectionsPerAddress = nil
        here.server.handle.replaceLimits(limits)
        for _ in 0..<3 { clients.removeFirst().close() }
        try here.world.run { here.statistics.connectionsClosed == 3 }
        let seventh = try here.connect()
        try here.world.run { seventh.isOver }
        here.expectRefusals([.addressLimit: 1, .connectionLimit: 2])
        other.close()
        try here.world.run { here.statistics.connectionsClosed == 4 }
        _ = try here.connect()
        try here.world.run { here.connections.count == 6 }
        try here.world.check()
    }

    @Test func severalLoopsNeedTheRealKernel() throws {
        let world = try Simulation(seed: 1)
        let error = #expect(throws: SocketError.self) {
            _ = try TCPServer(on: .loopback(port: 1), loops: 2).listen(on: world.loop) { _ in { _ in EchoHandler() } }
        }
        #expect(error?.description == "cannot prepare 2 loops: several loops need the real kernel's threads; use 1")
        try world.check()
    }

    // MARK: Draining

    /// Ends when its peer does, drained or not.
    private final class Patient: ConnectionHandler {
        func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
        func draining(_ connection: Connection) { connection.write("soon over") }
    }

    @Test(arguments: Backend.all) func r22_whoIsToldMayFinishAndTheRestIsResetAtTheDeadline(_ backend: Backend) throws {
        let here = try ServerWorld(backend: backend, handler: { Patient() })
        let (finishing, stuck) = try (here.connect(), here.connect())
        try here.world.run { here.connections.count == 2 }
        let start = here.world.now
        here.server.handle.drain(within: .seconds(2))
        try here.world.run { finishing.text == "soon over" && stuck.text == "soon over" }
        let late = try here.connect()
        try here.world.run { late.isOver }
        #expect(late.error == .connectionRefused)
        finishing.write("last words")
        finishing.closeWrite()
        try here.server.run()
        #expect(abs(start.duration(to: here.world.now) / .seconds(1) - 2) < 0.01)
        here.world.kernel.settle(for: .seconds(1))
        #expect(finishing.text == "soon overlast words" && finishing.ended && !finishing.wasReset)
        #expect(stuck.wasReset)
        #expect(here.statistics.drainsFinished == 1 && here.statistics.drainsAborted == 1)
        #expect(here.world.handlers.map { $0.reason?.kind } == [.ended, .loopEnded])
        try here.world.check()
    }

    @Test(arguments: Backend.all) func aDrainEndsAsSoonAsAllHaveFinished(_ backend: Backend) throws {
        let here = try ServerWorld(backend: backend)
        let clients = try (0..<1500).map { _ in try here.connect() }
        try here.world.run(for: .seconds(1))
        let served = here.connections.count
        let start = here.world.now
        here.server.handle.drain(within: .seconds(60))
        try here.server.run()
        #expect(start.duration(to: here.world.now) < .seconds(6), "the lingering time at most")
        #expect(here.statistics.drainsFinished == served && here.statistics.drainsAborted == 0)
        #expect(here.world.handlers.allSatisfy { $0.wasNotifiedOfDraining })
        _ = clients
        try here.world.check()
    }

    @Test(arguments: Backend.all) func whoseHeaderIsAwaitedIsServedAndTold(_ backend: Backend) throws {
        let here = try behindProxy(backend)
        let client = try here.connect()
        let silent = try here.connect()
        try here.world.run(for: .milliseconds(10))
        here.server.handle.drain(within: .seconds(30))
        here.world.kernel.after(.seconds(1)) { client.write(Self.line + "x") }
        let start = here.world.now
        try here.server.run()
        #expect(start.duration(to: here.world.now) < .seconds(6), "the header's deadline")
        #expect(here.world.handlers.count == 1 && here.world.handlers[0].wasNotifiedOfDraining)
        #expect(here.statistics.drainsFinished == 1)
        here.expectRefusals([.proxyHeaderTimeout: 1])
        _ = silent
        try here.world.check()
    }
}
