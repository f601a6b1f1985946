// How relays end, in virtual time: by themselves, half by half, by a reset, by one side.

import Reactor
import ReactorTesting
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulatedRelayEndTests {
    @Test(arguments: Backend.all) func eachStreamEndsByItself(_ backend: Backend) throws {
        let relay = try RelayWorld(backend) { _ in
            Scripted {
                $0.onEnded = { connection in
                    connection.write(pattern(30_000))
                    connection.close()
                }
            }
        }
        let client = relay.world.connect(to: RelayWorld.front)
        client.write("question")
        try relay.world.run(for: .milliseconds(10))
        #expect(client.received.isEmpty)
        client.closeWrite()
        try relay.world.run { client.isOver && !relay.results.isEmpty }
        #expect(client.ended && client.received == pattern(30_000))
        #expect(relay.results[0].isComplete && relay.results[0].cause.kind == .ended)
        #expect("\(relay.results[0])" == "ended by the peer, 8 bytes forwarded, 30000 bytes returned")
        #expect(relay.sides.allSatisfy { $0.reason?.kind == .ended })
        try relay.world.check()
    }

    @Test(arguments: Backend.all) func theServerMayEndFirst(_ backend: Backend) throws {
        let relay = try RelayWorld(backend) { _ in
            Scripted {
                $0.onConnected = { connection in
                    connection.write("welcome")
                    connection.closeWrite()
                }
            }
        }
        let client = relay.world.connect(to: RelayWorld.front)
        try relay.world.run { client.ended }
        #expect(client.text == "welcome" && relay.results.isEmpty)
        client.write("thanks")
        client.closeWrite()
        try relay.world.run { !relay.results.isEmpty }
        #expect(relay.results[0].isComplete && relay.results[0].bytesForwarded == 6)
        try relay.world.check()
    }

    @Test(arguments: Backend.all) func aResetIsPassedOn(_ backend: Backend) throws {
        var server: Scripted?
        let relay = try RelayWorld(backend) { _ in
            let scripted = Scripted()
            server = scripted
            return scripted
        }
        let client = relay.world.connect(to: RelayWorld.front)
        client.write("half a")
        try relay.world.run { server?.received == 6 }
        client.reset()
        try relay.world.run { server?.reason != nil && !relay.results.isEmpty }
        #expect(server?.reason?.kind == .failed)
        #expect(relay.results[0].cause.kind == .failed && !relay.results[0].isComplete)
        try relay.world.check()
    }

    @Test(arguments: Backend.all) func aCompleteStreamIsDeliveredAlthoughItsSenderHasGone(_ backend: Backend) throws {
        var (server, far): (Scripted?, Connection?)
        let relay = try RelayWorld(backend) { connection in
            connection.pauseReading()
            far = connection
            let scripted = Scripted { $0.onEnded = { _ in } }
            server = scripted
            return scripted
        }
        let client = relay.world.connect(to: RelayWorld.front)
        client.write(pattern(12_000))
        client.closeWrite()
        try relay.world.run { relay.client?.bytesReceived == 12_000 }
        try relay.world.run(for: .milliseconds(10))
        client.reset()
        try relay.world.run { relay.client!.isClosed }
        #expect(!relay.server!.isClosed && relay.server!.queuedBytes > 0)
        relay.world.loop.execute { far?.resumeReading() }
        try relay.world.run { server?.received == 12_000 || server?.reason != nil }
        #expect(server?.received == 12_000)
        try relay.world.check()
    }

    @Test(arguments: Backend.all) func closingOneSideClosesTheOther(_ backend: Backend) throws {
        let relay = try RelayWorld(backend)
        let client = relay.world.connect(to: RelayWorld.front)
        client.write("x")
        try relay.world.run { client.text == "x" }
        relay.world.loop.execute { relay.client!.close() }
        try relay.world.run { client.ended }
        client.close()
        try relay.world.run { !relay.results.isEmpty }
        #expect(relay.results[0].cause.kind == .closed && !relay.results[0].isComplete)
        #expect(relay.sides.count == 2 && relay.sides.allSatisfy { $0.reason != nil })
        try relay.world.check()
    }

    @Test(arguments: Backend.all) func aRelayOfAClosedConnectionEndsAtOnce(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var connections: [Connection] = []
        var results: [RelayResult] = []
        try world.listen { connection in
            connections.append(connection)
            return EchoHandler()
        }
        let (first, second) = (world.connect(), world.connect())
        try world.run { connections.count == 2 && first.isConnected && second.isConnected }
        first.close()
        try world.run { connections[0].isClosed || connections[1].isClosed }
        try world.run(for: .milliseconds(1))
        let isFirst = connections[0].isClosed
        var inside = true
        world.loop.execute {
            connections[isFirst ? 0 : 1].relay(to: connections[isFirst ? 1 : 0]) {
                #expect(!inside)
                results.append($0)
            }
            inside = false
        }
        try world.run { results.count == 1 }
        #expect(connections.allSatisfy(\.isClosed) && !results[0].isComplete)
        // Both closed already.
        world.loop.execute { connections[0].relay(to: connections[1]) { results.append($0) } }
        try world.run { results.count == 2 }
        try world.check()
    }
}
