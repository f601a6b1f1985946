// Relays in virtual time: a client, a proxy that relays, and an echo server behind it. Buffers and watermarks are small,
// so that little traffic fills every queue on the way and around again.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

/// A proxy in front of a server, all on one simulated loop.
final class RelayWorld {
    static let front = SocketAddress.loopback(port: 7788)
    static let back = SocketAddress.loopback(port: 7799)

    let world: Simulation
    var results: [RelayResult] = []
    /// The accepted side, and the outgoing one.
    var client: Connection?
    var server: Connection?

    static func limits(_ prepare: (inout Limits) -> Void = { _ in }) -> Limits {
        var limits = Limits()
        (limits.outputLowWatermark, limits.outputHighWatermark, limits.outputLimit) = (2048, 4096, 1 << 20)
        prepare(&limits)
        return limits
    }

    init(
        _ backend: Backend, seed: UInt64 = 1, faults: Faults = .none, limits: Limits = RelayWorld.limits(),
        serverLimits: Limits = RelayWorld.limits(), first: [UInt8] = [],
        server: @escaping (Connection) throws -> any ConnectionHandler = { _ in EchoHandler() }
    ) throws {
        world = try Simulation(seed: seed, faults: faults, backend: backend) {
            ($0.sendBuffer, $0.receiveBuffer) = (4096, 4096)
        }
        try world.listen(on: Self.front, limits: limits) { [unowned self] client in
            self.client = client
            return begin(client, limits, first)
        }
        try world.listen(on: Self.back, limits: serverLimits, handler: server)
    }

    private func begin(_ client: Connection, _ limits: Limits, _ first: [UInt8]) -> any ConnectionHandler {
        client.pauseReading()
        do {
            try world.loop.connect(
                to: Self.back, limits: limits,
                handler: { [unowned self] connection in
                    server = connection
                    return world.observe(
                        Scripted {
                            $0.onConnected = { [unowned self] server in
                                client.relay(to: server, first: first) { [unowned self] in results.append($0) }
                            }
                        })
                }, failed: { _ in client.abort() })
        } catch {
            client.abort()
        }
        return Scripted()
    }

    /// The handlers of the proxy's own two connections.
    var sides: [ObservedHandler] { world.handlers.filter { $0.receivedCount == 0 } }
}

@Suite(.timeLimit(.minutes(20))) struct SimulatedRelayTests {
    // MARK: Both directions at once

    struct Pace: CustomStringConvertible {
        let size: Int
        let pause: Duration
        var description: String { "\(size) bytes each \(pause)" }
    }

    static let paces = [
        Pace(size: 65_536, pause: .zero), Pace(size: 4096, pause: .microseconds(50)),
        Pace(size: 700, pause: .microseconds(20)), Pace(size: 1500, pause: .milliseconds(1)),
    ]
    static let delays = [1000...1000, 20_000...20_000, 10_000...2_000_000]
    static let stalls = [Duration.zero, .milliseconds(1), .milliseconds(200), .seconds(20)]
    static let amount = 256 * 1024
    /// Watermarks that little more than one segment reaches.
    static let tight = RelayWorld.limits { ($0.outputLowWatermark, $0.outputHighWatermark) = (100, 500) }

    /// Sends everything to the echo server behind the proxy while reading as the combination has it; returns whether it
    /// came back within a virtual minute after the stall.
    private func passes(
        _ world: Simulation, _ pace: Pace, _ stall: Duration
    ) throws -> (passed: Bool, client: SimulatedClient) {
        let client = world.connect(to: RelayWorld.front)
        (client.readSize, client.pace) = (pace.size, pace.pause)
        client.write(pattern(Self.amount))
        if stall > .zero {
            try world.run {
                client.received.count >= Self.amount / 8 || world.now > MonotonicTime(nanoseconds: 1 << 36)
            }
            client.stall()
            try world.run(for: stall)
            client.resume()
        }
        let end = world.now.advanced(by: .seconds(50))
        try world.run(within: .seconds(60)) {
            client.received.count == Self.amount || client.isOver || world.now >= end
        }
        return (client.received.count == Self.amount, client)
    }

    @Test(arguments: Backend.all) func noCombinationOfPaceDelayAndStallStopsARelay(_ backend: Backend) throws {
        for pace in Self.paces {
            for delay in Self.delays {
                for stall in Self.stalls {
                    var faults = Faults.none
                    faults.delay = delay
                    let relay = try RelayWorld(
                        backend, faults: faults, limits: Self.tight, serverLimits: Self.tight)
                    let (passed, client) = try passes(relay.world, pace, stall)
                    #expect(passed, "\(pace), delay \(delay), stall \(stall): \(client.state)")
                    #expect(client.received == pattern(Self.amount))
                    client.closeWrite()
                    try relay.world.run { relay.results.count == 1 }
                    #expect(relay.results[0].isComplete && relay.results[0].cause.kind == .ended)
                    #expect(relay.results[0].bytesForwarded == Self.amount)
                    #expect(relay.results[0].bytesReturned == Self.amount)
                    try relay.world.check()
                }
            }
        }
    }

    /// The reason for all this: two connections that each pause for their own output wait for each other. What has piled up
    /// before the proxy begins to read fills its queue to the server, so it stops reading from the server, which stops too.
    @Test(arguments: Backend.all) func connectionsThatPauseForTheirOwnOutputStop(_ backend: Backend) throws {
        for isRelay in [true, false] {
            let world = try Simulation(seed: 1, backend: backend) { ($0.sendBuffer, $0.receiveBuffer) = (4096, 65_536) }
            try world.listen(on: RelayWorld.front, limits: Self.tight) { client in
                client.pauseReading()
                var other: Connection?
                try world.loop.connect(
                    to: RelayWorld.back, limits: Self.tight,
                    handler: { server in
                        other = server
                        world.loop.schedule(after: .milliseconds(50)) {
                            if isRelay { client.relay(to: server) } else { client.resumeReading() }
                        }
                        return Forwarding { client }
                    }, failed: { _ in client.abort() })
                return Forwarding { other }
            }
            try world.listen(on: RelayWorld.back, limits: Self.tight) { _ in EchoHandler() }
            #expect(try passes(world, Self.paces[0], .zero).passed == isRelay)
            try world.check()
        }
    }

    private final class Forwarding: ConnectionHandler {
        let other: () -> Connection?
        init(_ other: @escaping () -> Connection?) { self.other = other }
        func received(_ bytes: RawSpan, on connection: Connection) { other()?.write(bytes) }
    }

    @Test(arguments: Backend.all) func aRelaySurvivesEveryFault(_ backend: Backend) throws {
        for seed in 0..<20 as Range<UInt64> {
            var faults = Faults.harsh
            (faults.reset, faults.stuckPeer, faults.abortedAccept) = (0, 0, 0)
            (faults.outOfDescriptors, faults.failingRegistration) = (0, 0)
            let relay = try RelayWorld(backend, seed: seed, faults: faults)
            let client = relay.world.connect(to: RelayWorld.front)
            client.write(pattern(20_000))
            client.closeWrite()
            try relay.world.run(within: .seconds(300)) { client.isOver }
            // The connection to the server may fail, but never silently.
            #expect(
                client.wasReset || client.received == pattern(20_000),
                "seed \(seed): \(relay.world.handlers.map { "\($0.reason, default: "open")" })")
            try relay.world.run(within: .seconds(300)) { !relay.results.isEmpty || relay.server == nil }
            try relay.world.check()
            #expect(relay.results.count == (relay.server == nil ? 0 : 1))
        }
    }

    @Test func aRelayGoesOnWhileTheSelectorIsSwitched() throws {
        for (from, to) in Backend.all.flatMap({ from in Backend.all.map { (from, $0) } }) {
            let relay = try RelayWorld(from)
            let client = relay.world.connect(to: RelayWorld.front)
            client.write(pattern(100_000))
            (client.readSize, client.pace) = (3000, .microseconds(100))
            try relay.world.run { client.received.count > 30_000 }
            relay.world.loop.execute { _ = try? relay.world.loop.switch(to: to) }
            try relay.world.run { client.received.count == 100_000 }
            #expect(client.received == pattern(100_000))
            try relay.world.check()
        }
    }

    @Test(arguments: Backend.all) func ratesOfEitherSideHold(_ backend: Backend) throws {
        let limits = RelayWorld.limits {
            $0.readRate = RateLimit(bytesPerSecond: 20_000, burst: 2000)
            $0.writeRate = RateLimit(bytesPerSecond: 10_000, burst: 1000)
        }
        let relay = try RelayWorld(backend, limits: limits)
        let client = relay.world.connect(to: RelayWorld.front)
        client.write(pattern(50_000))
        let start = relay.world.now
        try relay.world.run { client.received.count == 50_000 }
        #expect((.milliseconds(4500)...(.seconds(6))).contains(start.duration(to: relay.world.now)))
        #expect(client.received == pattern(50_000))
        try relay.world.check()
    }

    @Test(arguments: Backend.all) func theQueueStaysBelowTheWatermarkAndOneReceive(_ backend: Backend) throws {
        // The limit of output is below one receive.
        let limits = RelayWorld.limits { $0.outputLimit = 100 }
        let relay = try RelayWorld(backend, limits: limits)
        let client = relay.world.connect(to: RelayWorld.front)
        client.write(pattern(200_000))
        client.stall()
        var most = 0
        try relay.world.run(for: .seconds(1))
        most = max(relay.client!.queuedBytes, relay.server!.queuedBytes)
        #expect(most > 2048 && most <= 4096 + 65_536)
        #expect(relay.server!.isReadingPaused)
        client.resume()
        try relay.world.run { client.received.count == 200_000 }
        try relay.world.check()
    }

    // MARK: Deadlines and draining

    @Test(arguments: Backend.all) func trafficInOneDirectionKeepsBothSidesFromBeingIdle(_ backend: Backend) throws {
        let limits = RelayWorld.limits { $0.idleTime = .seconds(10) }
        let serverLimits = RelayWorld.limits { $0.idleTime = nil }
        let relay = try RelayWorld(backend, limits: limits, serverLimits: serverLimits) { _ in Scripted() }
        let client = relay.world.connect(to: RelayWorld.front)
        for _ in 0..<10 {
            client.write("x")
            try relay.world.run(for: .seconds(6))
            #expect(relay.results.isEmpty)
        }
        let start = relay.world.now
        try relay.world.run { !relay.results.isEmpty }
        #expect((.seconds(3)...(.seconds(6))).contains(start.duration(to: relay.world.now)))
        #expect(relay.results[0].cause.kind == .idle)
        #expect(relay.client!.isClosed && relay.server!.isClosed)
        try relay.world.check()
    }

    /// The sending side is paused for longer than its idle time, while the other one is read slowly.
    @Test(arguments: Backend.all) func aSideThatWaitsForTheOtherIsNotIdle(_ backend: Backend) throws {
        let limits = RelayWorld.limits { $0.idleTime = .seconds(10) }
        let relay = try RelayWorld(backend, limits: limits)
        let client = relay.world.connect(to: RelayWorld.front)
        (client.readSize, client.pace) = (100, .seconds(1))
        client.write(pattern(12_000))
        try relay.world.run(within: .seconds(200)) { client.received.count == 7000 || client.isOver }
        #expect(relay.results.isEmpty && !client.isOver)
        try relay.world.check()
    }

    @Test(arguments: Backend.all) func aSideThatDoesNotReadIsGivenUp(_ backend: Backend) throws {
        let limits = RelayWorld.limits {
            $0.writeStallTime = .seconds(5)
            $0.idleTime = nil
        }
        var server: Scripted?
        let relay = try RelayWorld(backend, limits: limits) { _ in
            let scripted = Scripted { $0.onReceived = { _, connection in connection.write(pattern(100_000)) } }
            server = scripted
            return scripted
        }
        let client = relay.world.connect(to: RelayWorld.front)
        client.stall()
        client.write("x")
        try relay.world.run { !relay.results.isEmpty && server?.reason != nil }
        #expect(relay.results[0].cause.kind == .writeStalled)
        #expect(server?.reason?.kind == .failed, "what the server sent was not delivered")
        try relay.world.check()
    }

    @Test(arguments: Backend.all) func aDrainLetsThePairFinish(_ backend: Backend) throws {
        for finishes in [true, false] {
            let relay = try RelayWorld(backend) { _ in
                Scripted {
                    $0.onReceived = { _, connection in connection.write("reply") }
                    $0.onEnded = { $0.close() }
                }
            }
            // The server is elsewhere in truth: it is not drained.
            let client = relay.world.connect(to: RelayWorld.front)
            client.write("x")
            try relay.world.run { client.text == "reply" }
            #expect(relay.results.isEmpty)
            relay.world.loop.execute { relay.world.loop.drain(within: .seconds(30)) }
            if finishes {
                client.closeWrite()
                try relay.world.runToEnd()
                #expect(relay.results[0].isComplete)
                #expect(relay.world.loop.statistics.drainsAborted == 0)
            } else {
                _ = try? relay.world.runToEnd()
                #expect(relay.results.count == 1)
            }
            try relay.world.check()
            #expect(client.ended)  // the server, on the same loop, closes when it drains
        }
    }

    // MARK: What was received before

    @Test(arguments: Backend.all) func bytesThatTheCallerKeptGoFirst(_ backend: Backend) throws {
        let relay = try RelayWorld(backend, first: Array("first, ".utf8))
        let client = relay.world.connect(to: RelayWorld.front)
        client.write("second")
        try relay.world.run { client.text == "first, second" }
        client.closeWrite()
        try relay.world.run { !relay.results.isEmpty }
        #expect(relay.results[0].bytesForwarded == 13 && relay.results[0].bytesReturned == 13)
        try relay.world.check()
    }

    /// A line names the server; everything behind it belongs to the relay, wherever it was cut.
    @Test(arguments: Backend.all) func inputThatAFramingHoldsGoesFirst(_ backend: Backend) throws {
        for isInside in [true, false] {
            for text in ["go\nfirst\nsecond", "go\n", "go\nf"] {
                let world = try Simulation(seed: 1, backend: backend)
                try world.listen(on: RelayWorld.back) { _ in EchoHandler() }
                var result: RelayResult?
                var opening: Opening?
                try world.loop.listen(on: RelayWorld.front, framing: .lines(maximum: 100)) { client in
                    let made = Opening(world, isInside) { server in client.relay(to: server) { result = $0 } }
                    opening = made
                    return made
                }
                let client = world.connect(to: RelayWorld.front)
                try world.run { opening != nil && (opening?.server != nil || !isInside) }
                client.write(text)
                try world.run(for: .milliseconds(1))
                client.write("third")
                client.closeWrite()
                try world.run { result != nil && client.isOver }
                #expect(client.text == text.dropFirst(3) + "third" && result?.isComplete == true)
                try world.check()
            }
        }
    }

    /// Starts the relay in the callback of its first line, to a server connected before, or in that of the server.
    private final class Opening: MessageHandler {
        let world: Simulation
        let isInside: Bool
        let start: (Connection) -> Void
        var server: Connection?

        init(_ world: Simulation, _ isInside: Bool, _ start: @escaping (Connection) -> Void) {
            self.world = world
            self.isInside = isInside
            self.start = start
        }

        func connected(_ client: Connection) throws {
            if isInside { try connect() }
        }

        private func connect() throws {
            try world.loop.connect(
                to: RelayWorld.back,
                handler: { [self] server in
                    Scripted { [self] in
                        $0.onConnected = { [self] in
                            self.server = $0
                            if !isInside { start($0) }
                        }
                    }
                }, failed: { _ in })
        }

        func received(message: RawSpan, on client: Connection) throws {
            if let server { return start(server) }
            client.pauseReading()
            try connect()
        }
    }
}
