// The proxy in the simulated world: relaying, retrying, balancing, checking, draining.

import Reactor
import ReactorTesting
import SystemPackage
import Testing

@testable import Demos

@Suite(.timeLimit(.minutes(20))) struct ProxyTests {
    /// Faults that delay and cut, but end no connection.
    private static var harsh: Faults {
        var faults = Faults.harsh
        (faults.reset, faults.stuckPeer, faults.abortedAccept) = (0, 0, 0)
        (faults.outOfDescriptors, faults.failingRegistration) = (0, 0)
        return faults
    }

    // MARK: Relaying

    @Test(arguments: Backend.all) func everyByteIsRelayedBothWays(_ backend: Backend) throws {
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for seed in 0..<8 as Range<UInt64> {
            let world = try ProxyWorld([ProxyWorld.address(1)], seed: seed, faults: Self.harsh, backend: backend) {
                $0.healthInterval = nil
                $0.connectTime = .seconds(60)
            }
            try world.serve(1) { Echo() }
            let client = world.connect()
            client.write(bytes)
            client.closeWrite()
            try world.run { client.isOver && world.open == 0 }
            #expect(client.ended, "seed \(seed)")
            let isSame = client.received == bytes
            #expect(isSame, "seed \(seed)")
            #expect(world.table.upstreams[0].bytesIn == bytes.count)
            #expect(world.table.upstreams[0].bytesOut == bytes.count)
            #expect(world.table.counts.broken == 0)
            try world.simulation.check()
        }
    }

    @Test(arguments: Backend.all) func anUpstreamMayReplyAfterTheClientsEnd(_ backend: Backend) throws {
        let world = try ProxyWorld(ports: 1, backend: backend)
        try world.serve(1) { LateReply() }
        let client = world.connect()
        client.write([UInt8](repeating: 7, count: 100_000))
        client.closeWrite()
        try world.run { client.isOver }
        #expect(client.text == "received 100000")
        #expect(client.ended)
        try world.simulation.check()
    }

    @Test func openConnectionsAreCountedWhenAsked() throws {
        let world = try ProxyWorld(ports: 1)
        try world.serve(1) { Echo() }
        let client = world.connect()
        client.write("hello")
        try world.run { client.text == "hello" }
        #expect(world.table.upstreams[0].bytesIn == 0)
        world.proxy.gather()
        #expect(world.table.upstreams[0].bytesIn == 5)
        world.proxy.gather()
        #expect(world.table.upstreams[0].bytesOut == 5)
        client.close()
        try world.run { world.open == 0 }
        #expect(world.table.upstreams[0].bytesIn == 5)
        try world.simulation.check()
    }

    /// A client that is not connected yet is not read: what it sends stays in the kernel, and is relayed first.
    @Test(arguments: Backend.all) func aClientIsReadOnceAnUpstreamIsConnected(_ backend: Backend) throws {
        let world = try ProxyWorld([UpstreamAddress("127.0.0.9:9001")], backend: backend)
        try world.simulation.loop.listen(on: .ipv4(127, 0, 0, 9, port: 9001)) { _ in LateReply() }
        world.simulation.kernel.setRoute(to: .ipv4(127, 0, 0, 9, port: 0), .slow(.seconds(2)))
        let client = world.connect()
        client.write([UInt8](repeating: 7, count: 300_000))
        client.closeWrite()
        try world.run { world.open == 1 }
        try world.simulation.run(for: .seconds(1))
        #expect(world.simulation.loop.statistics.bytesReceived == 0)
        try world.run { client.isOver }
        #expect(client.text == "received 300000")
        try world.simulation.check()
    }

    @Test(arguments: Backend.all) func aResetOfOneSideResetsTheOther(_ backend: Backend) throws {
        let world = try ProxyWorld(ports: 1, backend: backend)
        try world.serveNumber(1)
        let client = world.connect()
        try world.run { client.text == "1" }
        client.reset()
        try world.run { world.open == 0 }
        #expect(world.table.counts.broken == 1)
        try world.simulation.check()
    }

    // MARK: Retrying

    @Test(arguments: Backend.all) func aClientNeverNoticesAFailedUpstream(_ backend: Backend) throws {
        let world = try ProxyWorld(ports: 3, backend: backend)
        try world.serveNumber(3)
        #expect(try world.firstText() == "3")
        #expect(world.table.counts.retries == 2)
        #expect(world.table.upstreams.map(\.isUp) == [false, false, true])
        #expect(world.table.upstreams[0].lastError?.contains("ECONNREFUSED") == true)
        #expect(world.reports.all.count == 2)
        // Those that failed are avoided from now on.
        #expect(try world.firstText() == "3")
        #expect(world.table.counts.retries == 2)
        try world.run { world.open == 0 }
        try world.simulation.check()
    }

    @Test func anUpstreamThatDoesNotRespondLeavesTimeForTheNext() throws {
        let world = try ProxyWorld([UpstreamAddress("127.0.0.9:9001"), ProxyWorld.address(2)])
        world.simulation.kernel.setRoute(to: .ipv4(127, 0, 0, 9, port: 0), .dead)
        try world.serveNumber(2)
        #expect(try world.firstText() == "2")
        #expect(world.table.upstreams[0].lastError?.contains("ETIMEDOUT") == true)
        try world.run { world.open == 0 }
        try world.simulation.check()
    }

    @Test(arguments: Backend.all) func withoutAnUpstreamClientsAreResetAndReportedOnce(_ backend: Backend) throws {
        let world = try ProxyWorld(ports: 2, backend: backend)
        let clients = (0..<5).map { _ in world.connect() }
        try world.run { clients.allSatisfy(\.isOver) }
        #expect(clients.map(\.error) == Array(repeating: .connectionReset, count: 5))
        #expect(world.table.counts.unavailable == 5)
        #expect(world.reports.all.count { $0.contains("no upstream is available") } == 1)
        #expect(world.open == 0)
        try world.simulation.check()
    }

    @Test func withoutChecksAnUpstreamIsTriedAgainAfterAWhile() throws {
        let world = try ProxyWorld(ports: 1)
        #expect(try world.firstText() == "")
        try world.serveNumber(1)
        #expect(try world.firstText() == "")
        try world.simulation.run(for: .seconds(3))
        #expect(try world.firstText() == "1")
        try world.run { world.open == 0 }
        try world.simulation.check()
    }

    @Test(arguments: Backend.all) func aClientThatLeavesWhileConnectingIsForgotten(_ backend: Backend) throws {
        let world = try ProxyWorld([UpstreamAddress("127.0.0.9:9001")], backend: backend)
        world.simulation.kernel.setRoute(to: .ipv4(127, 0, 0, 9, port: 0), .dead)
        let client = world.connect()
        try world.run { world.open == 1 && client.isConnected }
        client.reset()
        try world.run { world.open == 0 }
        #expect(world.table.counts.abandoned == 1)
        #expect(world.table.upstreams[0].isUp)
        try world.simulation.check()
    }

    /// The end of the proxy's own descriptors or ports is not the upstream's fault.
    @Test(arguments: [Errno.tooManyOpenFiles, .addressNotAvailable, .noBufferSpace])
    func aShortageInTheProxyDoesNotMarkAnUpstream(_ errno: Errno) throws {
        let world = try ProxyWorld([UpstreamAddress("127.0.0.9:9001")])
        world.simulation.kernel.setRoute(to: .ipv4(127, 0, 0, 9, port: 0), .failing(errno))
        #expect(try world.firstText() == "")
        #expect(world.table.upstreams[0].failures == 1)
        #expect(world.table.upstreams[0].isUp)
        world.simulation.kernel.setRoute(to: .ipv4(127, 0, 0, 9, port: 0), .direct)
        try world.simulation.loop.listen(on: .ipv4(127, 0, 0, 9, port: 9001)) { _ in NumberedEcho("9") }
        #expect(try world.firstText() == "9")
        try world.run { world.open == 0 }
        try world.simulation.check()
    }

    // MARK: Balancing

    @Test func connectionsGoRoundByWeight() throws {
        let addresses = [ProxyWorld.address(1, weight: 3), ProxyWorld.address(2), ProxyWorld.address(3)]
        let world = try ProxyWorld(addresses)
        for number in 1...3 { try world.serveNumber(number) }
        var texts = ""
        for _ in 0..<10 { texts += try world.firstText() }
        #expect(texts == "1213112131")
        try world.run { world.open == 0 }
        try world.simulation.check()
    }

    @Test func theLeastLoadedUpstreamIsNext() throws {
        let world = try ProxyWorld([ProxyWorld.address(1, weight: 2), ProxyWorld.address(2)]) {
            $0.healthInterval = nil
            $0.balance = .leastConnections
        }
        for number in 1...2 { try world.serveNumber(number) }
        let clients = (0..<9).map { _ in world.connect() }
        try world.run { clients.allSatisfy { $0.text.count == 1 } }
        #expect(world.table.upstreams.map(\.connections) == [6, 3])
        for client in clients where client.text == "1" { client.close() }
        try world.run { world.table.upstreams[0].connections == 0 }
        let more = (0..<6).map { _ in world.connect() }
        try world.run { more.allSatisfy { $0.text.count == 1 } }
        #expect(world.table.upstreams.map(\.connections) == [6, 3])
        try world.simulation.check()
    }

    @Test func aDrainingUpstreamKeepsItsConnectionsAndGetsNoMore() throws {
        let world = try ProxyWorld(ports: 2)
        for number in 1...2 { try world.serveNumber(number) }
        let client = world.connect()
        try world.run { client.text == "1" }
        #expect(world.table.setDraining(true, "127.0.0.1:9001"))
        for _ in 0..<4 { #expect(try world.firstText() == "2") }
        client.write("still")
        try world.run { client.text == "1still" }
        #expect(world.table.upstreams[0].state == "draining")
        world.table.setDraining(false, "127.0.0.1:9001")
        let two = try world.firstText() + world.firstText()
        #expect(two.contains("1") && two.contains("2"))
        #expect(!world.table.setDraining(true, "127.0.0.1:1"))
        try world.simulation.check()
    }

    // MARK: Health

    @Test(arguments: Backend.all) func checksFindAnUpstreamThatIsDownAndUpAgain(_ backend: Backend) throws {
        let world = try ProxyWorld(ports: 2, backend: backend) { $0.healthInterval = .seconds(1) }
        try world.serveNumber(1)
        let second = try world.serveNumber(2)
        try world.run { world.table.upstreams.allSatisfy { $0.checks > 1 } }
        #expect(world.table.upstreams.map(\.isUp) == [true, true])
        second.close()
        try world.run { !world.table.upstreams[1].isUp }
        #expect(world.table.upstreams[1].checksFailed == 2)
        for _ in 0..<3 { #expect(try world.firstText() == "1") }
        #expect(world.table.counts.retries == 0)
        try world.serveNumber(2)
        try world.run { world.table.upstreams[1].isUp }
        #expect(world.reports.all.count { $0.contains("9002 is down: ") } == 1)
        #expect(world.reports.all.count { $0.contains("9002 is up") } == 1)
        let two = try world.firstText() + world.firstText()
        #expect(two.contains("2"))
        try world.simulation.check()
    }

    @Test func aNameIsResolvedForEveryConnection() throws {
        let world = try ProxyWorld([UpstreamAddress("db.example:9001")])
        let resolver = SimulatedResolver(["db.example": [.ipv4(127, 0, 0, 3, port: 0)]])
        world.simulation.loop.resolver = resolver
        for host in 3...4 as ClosedRange<UInt8> {
            try world.simulation.loop.listen(on: .ipv4(127, 0, 0, host, port: 9001)) { _ in NumberedEcho("\(host)") }
        }
        #expect(try world.firstText() == "3")
        resolver.set("db.example", [.ipv4(127, 0, 0, 4, port: 0)])
        #expect(try world.firstText() == "4")
        #expect(resolver.queries.count == 2)
        try world.run { world.open == 0 }
        try world.simulation.check()
    }

    // MARK: PROXY header

    @Test(arguments: [1, 2]) func anUpstreamLearnsTheClientsAddress(_ version: Int) throws {
        let world = try ProxyWorld(ports: 1) {
            $0.healthInterval = .seconds(1)
            $0.proxyHeader = version
        }
        let upstreams = Shared<LateReply>()
        try world.serve(1) { upstreams.add(LateReply()) }
        let client = world.connect()
        client.write("hello")
        client.closeWrite()
        try world.run { client.isOver && world.table.upstreams[0].checks > 2 }
        let bytes = try #require(upstreams.all.map(\.bytes).first { $0.suffix(5).elementsEqual("hello".utf8) })
        let header = try #require(try ProxyHeader.parse(bytes))
        #expect(header.version == version)
        #expect(header.source == client.address)
        #expect(header.destination == .loopback(port: 7793))
        #expect(header.length == bytes.count - 5)
        // Checks say that they are the proxy's own.
        let check = try #require(upstreams.all.map(\.bytes).first { $0.count < bytes.count - 5 && !$0.isEmpty })
        #expect(try ProxyHeader.parse(check)?.source == nil)
        try world.simulation.check()
    }

    // MARK: Draining

    @Test(arguments: Backend.all) func aDrainLetsRelaysFinish(_ backend: Backend) throws {
        let world = try ProxyWorld(ports: 1, backend: backend)
        try world.serveNumber(1)
        let client = world.connect()
        try world.run { client.text == "1" }
        world.simulation.kernel.after(.seconds(1)) {
            client.write("last")
            client.closeWrite()
        }
        world.simulation.loop.drain(within: .seconds(5))
        try world.simulation.runToEnd()
        world.simulation.kernel.settle(for: .seconds(1))
        #expect(client.text == "1last")
        #expect(world.table.counts.broken == 0)
        #expect(world.open == 0)
        try world.simulation.check()
    }
}

/// A growing list that a closure shares with its test.
final class Shared<Value> {
    var all: [Value] = []
    func add(_ value: Value) -> Value {
        all.append(value)
        return value
    }
}
