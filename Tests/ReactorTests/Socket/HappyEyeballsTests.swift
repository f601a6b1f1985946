// Happy Eyeballs in virtual time: which address wins, when, what is left behind, and what is told when none does.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct ConnectionRaceTests {
    private static let four = (1...3).map { SocketAddress.ipv4(192, 0, 2, $0, port: 0) }
    private static let six = (1...3).map { SocketAddress.ipv6(high: 0x2001_0db8_0000_0000, low: $0, port: 0) }
    private static let port: UInt16 = 5000

    private static func at(_ address: SocketAddress) -> SocketAddress {
        var address = address
        address.port = port
        return address
    }

    /// A world with servers at some addresses of `db.example`.
    private final class World {
        let simulation: Simulation
        var connected: [(address: SocketAddress, after: Duration)] = []
        var failures: [SocketError] = []
        private let start: MonotonicTime

        init(_ names: [SocketAddress], listening: [SocketAddress], seed: UInt64 = 1, _ backend: Backend) throws {
            simulation = try Simulation(seed: seed, backend: backend)
            simulation.loop.resolver = SimulatedResolver(["db.example": names])
            simulation.workers.duration = 1_000_000...1_000_000
            start = simulation.now
            for address in listening { try simulation.listen(on: at(address)) { _ in EchoHandler() } }
        }

        @discardableResult
        func connect(_ options: ConnectOptions = ConnectOptions()) throws -> HappyEyeballs {
            try simulation.loop.connect(to: "db.example:\(port)", options: options) { [unowned self] connection in
                connected.append((connection.peer, start.duration(to: simulation.now)))
                return simulation.observe(EchoHandler())
            } failed: { [unowned self] in
                failures.append($0)
            }
        }

        func run() throws { try simulation.run { !connected.isEmpty || !failures.isEmpty } }

        /// Nothing more is told, nothing is left behind but the winner.
        func end() throws {
            try simulation.run(for: .seconds(20))
            #expect(connected.count + failures.count == 1)
            try simulation.check()
        }
    }

    @Test(arguments: Backend.all) func aDeadFirstAddressCostsOneDelay(_ backend: Backend) throws {
        let world = try World([Self.six[0], Self.four[0]], listening: [Self.four[0]], backend)
        world.simulation.kernel.setRoute(to: Self.six[0], .dead)
        try world.connect()
        try world.run()
        let winner = try #require(world.connected.first)
        #expect(winner.address == Self.at(Self.four[0]))
        #expect((.milliseconds(250)...(.milliseconds(260))).contains(winner.after), "\(winner.after)")
        // The loop's own two, its listener, and both sides of the one connection: the loser's socket is closed.
        #expect(world.simulation.kernel.openDescriptorCount <= 6)
        try world.end()
    }

    @Test(arguments: Backend.all) func aRefusalIsFollowedAtOnce(_ backend: Backend) throws {
        let world = try World(Array(Self.six + Self.four), listening: [Self.four[2]], backend)
        world.simulation.kernel.setRoute(to: Self.six[2], .failing(.networkUnreachable))
        try world.connect()
        try world.run()
        #expect(world.connected.first?.address == Self.at(Self.four[2]))
        let after = try #require(world.connected.first, "\(world.failures)").after
        #expect(after < .milliseconds(10), "\(after)")
        try world.end()
    }

    @Test(arguments: Backend.all) func aSlowAddressMayStillWin(_ backend: Backend) throws {
        let world = try World([Self.six[0], Self.four[0]], listening: [Self.six[0], Self.four[0]], backend)
        world.simulation.kernel.setRoute(to: Self.six[0], .slow(.milliseconds(300)))
        world.simulation.kernel.setRoute(to: Self.four[0], .slow(.milliseconds(100)))
        try world.connect()
        try world.run()
        #expect(world.connected.first?.address == Self.at(Self.six[0]), "it is 50 ms ahead of the other")
        try world.end()
    }

    @Test(arguments: [ConnectOptions.FirstFamily.asResolved, .ipv4, .ipv6])
    func familiesTakeTurns(_ first: ConnectOptions.FirstFamily) throws {
        let names = [Self.six[0], Self.six[1], Self.six[0], Self.four[0], Self.four[1]]
        let world = try World(names, listening: [], .epoll())
        for address in names { world.simulation.kernel.setRoute(to: address, .failing(.hostIsDown)) }
        var options = ConnectOptions()
        options.firstFamily = first
        try world.connect(options)
        try world.run()
        let six = [Self.six[0], Self.four[0], Self.six[1], Self.four[1]].map { "\(Self.at($0))" }
        let four = [Self.four[0], Self.six[0], Self.four[1], Self.six[1]].map { "\(Self.at($0))" }
        #expect(world.failures.first?.attempts.map(\.subject) == (first == .ipv4 ? four : six), "and none twice")
        try world.end()
    }

    @Test(arguments: Backend.all) func whenAllFailEveryAttemptIsTold(_ backend: Backend) throws {
        let names = [Self.six[0], Self.four[0], Self.six[1]]
        let world = try World(names, listening: [], backend)
        world.simulation.kernel.setRoute(to: Self.six[0], .dead)
        world.simulation.kernel.setRoute(to: Self.six[1], .failing(.networkUnreachable))
        var options = ConnectOptions()
        options.timeout = .seconds(2)
        let race = try world.connect(options)
        try world.run()
        let failure = try #require(world.failures.first)
        #expect(failure.attempts.map(\.errno) == [.connectionRefused, .networkUnreachable, .timedOut])
        #expect(failure.subject == "db.example:5000" && failure.operation.description == "connect to")
        #expect(failure.errno == nil, "they do not agree")
        #expect(race.isOver)
        try world.end()
    }

    @Test func whatWasNotTriedInTimeIsTold() throws {
        let world = try World(Self.four, listening: [], .epoll())
        for address in Self.four { world.simulation.kernel.setRoute(to: address, .dead) }
        var options = ConnectOptions()
        options.timeout = .milliseconds(400)
        try world.connect(options)
        try world.run()
        let attempts = try #require(world.failures.first).attempts
        #expect(attempts.map(\.errno) == [.timedOut, .timedOut, nil])
        #expect(attempts.last?.reason == "not tried in time")
        try world.end()
    }

    @Test func namesThatAreUnknownEmptyOrSlowAreToldOnce() throws {
        for (names, duration) in [([SocketAddress]?.none, 1_000_000), ([], 1_000_000), (Self.four, 30_000_000_000)] {
            let world = try World([], listening: [], .epoll())
            let resolver = SimulatedResolver()
            resolver.set("db.example", names)
            world.simulation.loop.resolver = resolver
            world.simulation.workers.duration = duration...duration
            try world.connect()
            try world.run()
            #expect(world.failures.first?.operation.description == "resolve")
            try world.end()
            #expect(resolver.queries == ["db.example"])
        }
    }

    @Test func noRoomForTheLookUpIsToldLater() throws {
        let world = try World([], listening: [], .epoll())
        world.simulation.workers.count = 1
        world.simulation.workers.queueLimit = 0
        try world.simulation.loop.offload {
        } then: { _ in
        }
        try world.connect()
        #expect(world.failures.isEmpty)
        try world.run()
        #expect(world.failures.first?.reason.contains("queue is full") == true)
        try world.end()
    }

    /// Cancelled at every millisecond of a race with a bit of everything; and the loop ended there.
    @Test(arguments: [true, false]) func itCanBeCancelledAtAnyPoint(_ endsLoop: Bool) throws {
        for milliseconds in [0, 1, 2, 3, 100, 249, 250, 251, 252, 400, 501, 502, 600] {
            let world = try World(Array(Self.six[..<2] + Self.four[..<1]), listening: [Self.six[1]], .epoll())
            world.simulation.kernel.setRoute(to: Self.six[0], .dead)
            world.simulation.kernel.setRoute(to: Self.four[0], .slow(.seconds(1)))
            world.simulation.kernel.setRoute(to: Self.six[1], .slow(.milliseconds(200)))
            let race = try world.connect()
            try world.simulation.run(for: .milliseconds(milliseconds))
            #expect(world.connected.isEmpty)
            if !endsLoop {
                race.cancel()
                race.cancel()
                #expect(race.isOver)
                try world.simulation.run(for: .seconds(20))
                #expect(world.simulation.kernel.openDescriptorCount <= 4, "what the loop and the listener have")
            }
            try world.simulation.check()
            #expect(world.connected.isEmpty && world.failures.isEmpty)
        }
    }

    @Test func aListOfAddressesNeedsNoResolver() throws {
        let world = try Simulation(seed: 1)
        try world.listen(on: Self.at(Self.four[1])) { _ in EchoHandler() }
        let resolver = SimulatedResolver()
        world.loop.resolver = resolver
        var peers: [SocketAddress] = []
        world.loop.connect(toOneOf: Self.four.map(Self.at)) { connection in
            peers.append(connection.peer)
            return world.observe(EchoHandler())
        } failed: {
            Issue.record($0)
        }
        try world.loop.connect(to: "192.0.2.2:5000") { connection in
            peers.append(connection.peer)
            return world.observe(EchoHandler())
        } failed: {
            Issue.record($0)
        }
        var failure: SocketError?
        world.loop.connect(toOneOf: []) { _ in
            EchoHandler()
        } failed: {
            failure = $0
        }
        try world.run { peers.count == 2 && failure != nil }
        #expect(peers == [Self.at(Self.four[1]), Self.at(Self.four[1])])
        #expect(resolver.queries.isEmpty)
        for text in ["db.example", "db.example:x", ":80", "unix:"] {
            #expect(throws: SocketError.self) {
                try world.loop.connect(to: text) { _ in
                    EchoHandler()
                } failed: { _ in
                }
            }
        }
        try world.check()
    }

    @Test(arguments: Backend.all) func underFaultsThereIsOneOutcomeAndNoLeak(_ backend: Backend) throws {
        for seed in 0..<40 as Range<UInt64> {
            let world = try Simulation(seed: seed, backend: backend)
            world.loop.resolver = SimulatedResolver(["db.example": Self.six + Self.four])
            try world.listen(on: Self.at(Self.four[1])) { _ in EchoHandler() }
            world.kernel.setRoute(to: Self.six[0], .dead)
            world.kernel.setRoute(to: Self.six[1], .slow(.milliseconds(400)))
            world.kernel.faults = .harsh
            var outcomes = 0
            try world.loop.connect(to: "db.example:5000") { connection in
                outcomes += 1
                connection.close()
                return world.observe(EchoHandler())
            } failed: { _ in
                outcomes += 1
            }
            try world.run(for: .seconds(30))
            #expect(outcomes == 1, "seed \(seed)")
            try world.check()
        }
    }
}
