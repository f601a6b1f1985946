// Two chats joined through a Redis that is played here, so that it can be lost, lie, and come back at any moment of virtual
// time. The real one has its turn among the tests of the command.

import Reactor
import ReactorRedis
import ReactorTesting
import TestSupport
import Testing

@testable import Demos

/// A Redis that knows SUBSCRIBE and PUBLISH.
private final class FakeRedis {
    var subscribers: [(Connection, channel: [UInt8])] = []
    var connections: [ObjectIdentifier: Connection] = [:]
    var accepted = 0
    /// What to answer PUBLISH with instead of passing it on.
    var refusal: String?
    private var listener: Listener?

    func start(_ loop: EventLoop) throws {
        listener = try loop.listen(on: .loopback(port: 6379)) { [unowned self] _ in
            Session(self).framed(by: RESPFraming())
        }
    }

    func stop() {
        listener?.close()
        listener = nil
        for connection in connections.values { connection.abort() }
    }

    final class Session: ValueHandler {
        private let redis: FakeRedis
        init(_ redis: FakeRedis) { self.redis = redis }

        func connected(_ connection: Connection) {
            redis.accepted += 1
            redis.connections[ObjectIdentifier(connection)] = connection
        }

        func received(_ value: RESPValue, from bytes: RawSpan, on connection: Connection) {
            guard case .array(let values?) = value else { return }
            let words = values.compactMap { if case .bulk(let bytes?) = $0 { bytes } else { nil } }
            if words[0] == Array("SUBSCRIBE".utf8) {
                redis.subscribers.append((connection, words[1]))
                connection.write("*3\r\n$9\r\nsubscribe\r\n$\(words[1].count)\r\n")
                connection.write(words[1])
                connection.write("\r\n:1\r\n")
            } else if let refusal = redis.refusal {
                connection.write("-\(refusal)\r\n")
            } else {
                let message = RESPValue.command(Array("message".utf8), words[1], words[2])
                for subscriber in redis.subscribers { subscriber.0.write(message) }
                connection.write(":\(redis.subscribers.count)\r\n")
            }
        }

        func closed(_ connection: Connection, reason: CloseReason) {
            redis.subscribers.removeAll { $0.0 === connection }
            redis.connections[ObjectIdentifier(connection)] = nil
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct RedisBackplaneTests {
    /// Two chats, their Redis, and a member in each.
    private final class World {
        let simulation: Simulation
        let redis = FakeRedis()
        let chats = [ChatServer(name: "a"), ChatServer(name: "b")]
        var backplanes: [RedisBackplane] = []
        var reports: [String] = []
        let lobby: ChatName

        init(seed: UInt64, faults: Faults = .none, backend: Backend = .epoll()) throws {
            simulation = try Simulation(seed: seed, faults: faults, backend: backend)
            lobby = try ChatName("lobby")
            for (index, chat) in chats.enumerated() {
                try simulation.listen(on: .loopback(port: UInt16(7001 + index))) { _ in
                    ChatSession(chat).framed(by: ChatSession.framing(ChatLimits()))
                }
            }
        }

        func link() throws {
            for (index, chat) in chats.enumerated() {
                backplanes.append(
                    try RedisBackplane(
                        chat, through: "127.0.0.1:6379", on: simulation.loop,
                        random: SeededGenerator(seed: simulation.seed &* 2 &+ UInt64(index)),
                        report: { [unowned self] in reports.append($0) }))
            }
        }

        func join(_ name: String, _ server: Int) throws -> SimulatedClient {
            let client = simulation.connect(to: .loopback(port: UInt16(7001 + server)))
            client.write(name + "\n")
            try simulation.run { client.lines.contains { $0.hasPrefix("* you are in lobby") } }
            return client
        }

        var areUp: Bool { backplanes.allSatisfy(\.isUp) }
    }

    @Test(arguments: Backend.all) func roomsAreOneAndNothingComesTwice(_ backend: Backend) throws {
        for seed in 0..<5 as Range<UInt64> {
            let world = try World(seed: seed, faults: survivableFaults, backend: backend)
            try world.redis.start(world.simulation.loop)
            try world.link()
            try world.simulation.run { world.areUp }
            let (anna, bob) = (try world.join("anna", 0), try world.join("bob", 1))
            try world.simulation.run { anna.has("* bob@b joined lobby") }
            anna.write("hello\n")
            try world.simulation.run { bob.has("<anna@a> hello") }
            bob.write("/msg anna@a psst\nhi\n/join den\n")
            try world.simulation.run { anna.has("* bob@b left") }
            #expect(
                anna.lines.filter { $0.contains("bob") } == [
                    "* bob@b joined lobby", "[bob@b] psst", "<bob@b> hi", "* bob@b left",
                ])
            #expect(anna.lines.count { $0.contains("hello") } == 0, "no echo of one's own")
            let den = try ChatName("den")
            try world.simulation.run { world.chats[0].remote.count(in: den) == 1 }
            anna.write("/rooms\n")
            try world.simulation.run { anna.has("* rooms: den (1), lobby (1)") }
            anna.closeWrite()
            try world.simulation.run { world.chats[1].remote.count(in: world.lobby) == 0 }
            world.backplanes.forEach { $0.stop() }
            try world.simulation.check()
        }
    }

    @Test(arguments: Backend.all) func aLostRedisIsReportedOnceAndTheRoomsGoOn(_ backend: Backend) throws {
        let world = try World(seed: 1, backend: backend)
        try world.redis.start(world.simulation.loop)
        try world.link()
        try world.simulation.run { world.areUp }
        let (anna, bob, carl) = (try world.join("anna", 0), try world.join("bob", 1), try world.join("carl", 0))
        try world.simulation.run { world.chats[1].remote.count(in: world.lobby) == 2 }
        world.reports = []
        world.redis.stop()
        try world.simulation.run(for: .seconds(10))
        #expect(world.reports.count == 2, "one a server: \(world.reports)")
        anna.write("unheard\n")
        try world.simulation.run { carl.has("<anna> unheard") }
        #expect(world.backplanes[0].dropped >= 1)
        try world.redis.start(world.simulation.loop)
        try world.simulation.run(within: .seconds(2)) { world.areUp }
        #expect(world.reports.count == 4)
        #expect(world.reports[2].contains("is back after 10 s") || world.reports[2].contains("is back after 11 s"))
        // Who was there before is known again, and what was said meanwhile is not.
        try world.simulation.run { world.chats[1].remote.count(in: world.lobby) == 2 }
        anna.write("together\n")
        try world.simulation.run { bob.has("<anna@a> together") }
        #expect(!bob.text.contains("unheard"))
        for member in [anna, bob, carl] {
            #expect(member.lines.count { $0.hasPrefix("* other servers cannot be reached") } == 1)
            #expect(member.lines.count { $0 == "* other servers can be reached again" } == 1)
            #expect(!member.isOver)
        }
        try world.simulation.check()
    }

    /// Thousands of attempts come to one report.
    @Test func aRedisThatIsNeverThereIsReportedOnce() throws {
        let world = try World(seed: 2)
        try world.link()
        try world.simulation.run(for: .seconds(600))
        #expect(world.reports.count == 2)
        try world.simulation.check()
    }

    /// One that accepts everybody and refuses to publish is no Redis that is well: reported once, not at every attempt.
    @Test func aRedisThatRefusesIsReportedOnceAndLeftInPeace() throws {
        let world = try World(seed: 3)
        world.redis.refusal = "NOPERM this user has no permissions"
        try world.redis.start(world.simulation.loop)
        try world.link()
        try world.simulation.run(for: .seconds(60))
        #expect(world.reports.count == 2)
        #expect(world.reports[0].contains("NOPERM"))
        #expect(world.redis.accepted < 2 * 2 * 240, "at most four attempts a second and server")
        world.redis.refusal = nil
        try world.simulation.run(within: .seconds(2)) { world.areUp }
        try world.simulation.check()
    }

    /// One that hangs says nothing, and its connections are open: its silence is what tells.
    @Test func aRedisThatHangsIsNoticed() throws {
        let world = try World(seed: 4)
        try world.redis.start(world.simulation.loop)
        try world.link()
        try world.simulation.run { world.areUp }
        for connection in world.redis.connections.values { connection.pauseReading() }
        world.redis.subscribers = []
        try world.simulation.run(within: .seconds(40)) { world.reports.contains { $0.hasPrefix("no Redis") } }
        try world.simulation.check()
    }

    @Test(arguments: ["?nonsense\r\n", "$-7\r\n", "*1\r\n$5\r\nhello\r\n", "+OK\r\n", "*100000\r\n"])
    func aRedisThatTalksNonsenseIsLeft(_ nonsense: String) throws {
        let world = try World(seed: 5)
        try world.redis.start(world.simulation.loop)
        try world.link()
        try world.simulation.run { world.areUp }
        for connection in world.redis.connections.values { connection.write(nonsense) }
        try world.simulation.run { world.reports.contains { $0.hasPrefix("no Redis") } }
        try world.simulation.run(within: .seconds(3)) { world.areUp }
        try world.simulation.check()
    }

    @Test func malformedPublicationsAreRejectedAndCounted() throws {
        let world = try World(seed: 6)
        try world.redis.start(world.simulation.loop)
        try world.link()
        try world.simulation.run { world.areUp }
        let anna = try world.join("anna", 0)
        world.reports = []
        let channel = Array("reactor-chat".utf8)
        for payload in [
            "nonsense", "1\tff\tc\tsaid\tlobby\tevil\t\u{1b}[2J", "1\tff\ta\thello", "1\tff\tc\tsaid\tlobby\tok\thi",
        ] {
            let message = RESPValue.command(Array("message".utf8), channel, Array(payload.utf8))
            world.redis.subscribers[0].0.write(message)
            world.redis.subscribers[1].0.write(message)
        }
        try world.simulation.run { anna.has("<ok@c> hi") }
        #expect(!anna.text.contains("evil"))
        #expect(world.backplanes[0].refused == 3)
        #expect(world.reports.count == 2, "one a server")
        try world.simulation.check()
    }

    /// A server that ends says so; one that dies is forgotten.
    @Test func aServerThatIsGoneTakesItsMembersWithIt() throws {
        let world = try World(seed: 7)
        try world.redis.start(world.simulation.loop)
        try world.link()
        try world.simulation.run { world.areUp }
        let (anna, _) = (try world.join("anna", 0), try world.join("bob", 1))
        try world.simulation.run { anna.has("* bob@b joined lobby") }
        world.backplanes[1].stop()
        try world.simulation.run(within: .seconds(30)) { anna.has("* 1 members of b are gone with their server") }
        try world.simulation.check()
    }
}
