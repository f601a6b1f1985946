// Rates in virtual time: exact over ten seconds, fair within a group, without spinning, and without deadlines that fire
// because of them.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulatedRateTests {
    private static func limits(_ change: (inout Limits) -> Void) -> Limits {
        var limits = Limits()
        change(&limits)
        return limits
    }

    /// What moved by a time is within a burst of what the rate says.
    private static func isWithin(_ moved: Int, _ rate: RateLimit, after seconds: Int) -> Bool {
        let expected = rate.bytesPerSecond * seconds
        return (expected...expected + rate.burst).contains(moved)
    }

    @Test(
        arguments: [
            RateLimit(bytesPerSecond: 10_000, burst: 5000), RateLimit(bytesPerSecond: 200_000, burst: 30_000),
            RateLimit(bytesPerSecond: 500), RateLimit(bytesPerSecond: 33_333, burst: 1461),
            RateLimit(bytesPerSecond: 2000, burst: 1),
        ], Backend.all)
    func readingKeepsToItsRate(_ rate: RateLimit, _ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        try world.listen(limits: Self.limits { $0.readRate = rate }) { _ in Scripted() }
        let client = world.connect()
        try world.run { world.handlers.first?.wasConnected == true }
        client.write([UInt8](repeating: 7, count: rate.bytesPerSecond * 12))
        try world.run(for: .seconds(10))
        let received = world.handlers[0].receivedCount
        // A burst below what comes in a tick keeps it from its rate: that is what a burst is.
        let most = rate.bytesPerSecond * 10 + rate.burst
        #expect(received <= most)
        #expect(received >= min(rate.bytesPerSecond, rate.burst * 20) * 10 - rate.burst, "\(received)")
        if rate.burst * 20 >= rate.bytesPerSecond * 2 { #expect(received >= rate.bytesPerSecond * 10) }
        #expect(world.kernel.waits < 10 * 1000, "\(world.kernel.waits) waits")
        try world.check()
    }

    @Test(
        arguments: [
            RateLimit(bytesPerSecond: 10_000, burst: 5000), RateLimit(bytesPerSecond: 200_000, burst: 30_000),
            RateLimit(bytesPerSecond: 500),
        ], Backend.all)
    func writingKeepsToItsRate(_ rate: RateLimit, _ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        // More than ten seconds can take.
        let piece = (0..<256).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var bytes: [UInt8] = []
        while bytes.count < rate.bytesPerSecond * 12 { bytes += piece }
        let limits = Self.limits {
            $0.writeRate = rate
            $0.outputLimit = 20_000_000
            $0.firstMessageTime = nil
        }
        var connection: Connection?
        try world.listen(limits: limits) { _ in
            Scripted {
                $0.onConnected = {
                    connection = $0; $0.write(bytes)
                }
            }
        }
        let client = world.connect()
        try world.run { client.isConnected }
        try world.run(for: .seconds(10))
        let sent = try #require(connection).bytesSent
        #expect(Self.isWithin(sent, rate, after: 10), "\(sent)")
        let isSame = client.received[...] == bytes[..<client.received.count]
        #expect(isSame)
        #expect(world.kernel.waits < 10 * 2000, "\(world.kernel.waits) waits")
        try world.check()
    }

    @Test(arguments: Backend.all) func anEchoUnderFaultsLosesNothing(_ backend: Backend) throws {
        for seed in 0..<4 as Range<UInt64> {
            var faults = Faults.harsh
            faults.reset = 0
            faults.outOfDescriptors = 0
            faults.stuckPeer = 0
            faults.abortedAccept = 0
            faults.failingRegistration = 0
            let world = try Simulation(seed: seed, faults: faults, backend: backend)
            let limits = Self.limits {
                $0.readRate = RateLimit(bytesPerSecond: 20_000, burst: 3000)
                $0.writeRate = RateLimit(bytesPerSecond: 10_000, burst: 2000)
            }
            try world.listen(limits: limits) { _ in EchoHandler() }
            let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let client = world.connect()
            client.write(bytes)
            client.closeWrite()
            try world.run(within: .seconds(60)) { client.isOver }
            let isSame = client.received == bytes
            #expect(isSame && client.ended, "seed \(seed)")
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func aGroupSharesFairly(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let rate = RateLimit(bytesPerSecond: 100_000, burst: 20_000)
        let group = RateGroup(world.loop, limit: rate)
        var connections: [Connection] = []
        try world.listen { _ in
            Scripted {
                $0.onConnected = {
                    connections.append($0)
                    $0.readGroup = group
                }
            }
        }
        for _ in 0..<10 { world.connect().write([UInt8](repeating: 7, count: 2_000_000)) }
        try world.run { group.count == 10 }
        // The first who come find a full burst, which is theirs.
        try world.run(for: .seconds(1))
        let start = world.handlers.map(\.receivedCount)
        try world.run(for: .seconds(10))
        let before = world.handlers.map(\.receivedCount)
        let each = zip(before, start).map { $0 - $1 }
        let sum = each.reduce(0, +)
        #expect((1_000_000 - rate.burst...1_000_000 + rate.burst).contains(sum), "\(sum)")
        #expect(before.reduce(0, +) <= 1_100_000 + rate.burst)
        #expect(each.max()! - each.min()! <= 2 * 1460, "\(each)")
        // Those that end leave their share to the others.
        for connection in connections[5...] { connection.abort() }
        try world.run(for: .seconds(10))
        #expect(group.count == 5)
        let after = world.handlers[..<5].map(\.receivedCount)
        for index in 0..<5 { #expect(after[index] - before[index] >= 195_000, "\(after[index] - before[index])") }
        try world.check()
    }

    @Test(arguments: Backend.all) func aGroupSharesWritingFairly(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let group = RateGroup(world.loop, limit: RateLimit(bytesPerSecond: 50_000, burst: 5000))
        var connections: [Connection] = []
        try world.listen(limits: Self.limits { $0.firstMessageTime = nil }) { _ in
            Scripted {
                $0.onConnected = { connection in
                    connections.append(connection)
                    connection.writeGroup = group
                    connection.write([UInt8](repeating: 7, count: 1_000_000))
                }
            }
        }
        for _ in 0..<5 { world.connect() }
        try world.run(for: .seconds(1))
        let start = connections.map(\.bytesSent)
        try world.run(for: .seconds(20))
        let each = zip(connections, start).map { $0.bytesSent - $1 }
        #expect((995_000...1_005_000).contains(each.reduce(0, +)), "\(each)")
        #expect(each.max()! - each.min()! <= 2 * 1460, "\(each)")
        try world.check()
    }

    /// Those who wait for tokens when the loop ends keep nothing alive.
    @Test func nothingOutlivesTheLoop() throws {
        weak var loop: EventLoop?
        weak var group: RateGroup?
        weak var reconnector: Reconnector?
        do {
            let world = try Simulation(seed: 1)
            let shared = RateGroup(world.loop, limit: RateLimit(bytesPerSecond: 1, burst: 10))
            try world.listen { _ in Scripted { $0.onConnected = { $0.readGroup = shared } } }
            for _ in 0..<3 { world.connect().write([UInt8](repeating: 7, count: 1000)) }
            world.kernel.setRoute(to: .ipv4(192, 0, 2, 1, port: 0), .dead)
            reconnector = try world.loop.keepConnected(to: "192.0.2.1:80", handler: { _ in EchoHandler() })
            try world.run(for: .milliseconds(100))
            (loop, group) = (world.loop, shared)
            #expect(reconnector != nil)
            try world.check()
        }
        #expect(loop == nil && group == nil && reconnector == nil)
    }

    @Test func theLimitOfAGroupChangesAtOnce() throws {
        let world = try Simulation(seed: 1)
        let group = RateGroup(world.loop, limit: RateLimit(bytesPerSecond: 1, burst: 1000))
        try world.listen { _ in Scripted { $0.onConnected = { $0.readGroup = group } } }
        for _ in 0..<3 { world.connect().write([UInt8](repeating: 7, count: 100_000)) }
        try world.run(for: .seconds(2))
        #expect(world.handlers.reduce(0) { $0 + $1.receivedCount } <= 1002)
        group.limit = RateLimit(bytesPerSecond: 100_000, burst: 10_000)
        try world.run(for: .seconds(2))
        let sum = world.handlers.reduce(0) { $0 + $1.receivedCount }
        #expect((200_000...212_000).contains(sum), "\(sum)")
        try world.check()
    }

    @Test func aLateComerOfAGroupIsNotStarved() throws {
        let world = try Simulation(seed: 1)
        let group = RateGroup(world.loop, limit: RateLimit(bytesPerSecond: 20_000, burst: 2000))
        try world.listen { _ in Scripted { $0.onConnected = { $0.readGroup = group } } }
        for _ in 0..<4 { world.connect().write([UInt8](repeating: 7, count: 1_000_000)) }
        try world.run(for: .seconds(5))
        let late = world.connect()
        late.write([UInt8](repeating: 7, count: 4000))
        try world.run(within: .seconds(3)) { world.handlers.last?.receivedCount == 4000 }
        try world.check()
    }

    /// Idle, stalled and lingering are none of the peer's doing while it is held back.
    @Test(arguments: Backend.all) func deadlinesDoNotFireBecauseOfARate(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let limits = Self.limits {
            $0.writeRate = RateLimit(bytesPerSecond: 1, burst: 1)
            $0.readRate = RateLimit(bytesPerSecond: 1, burst: 10)
            $0.writeStallTime = .milliseconds(300)
            $0.idleTime = .milliseconds(300)
        }
        try world.listen(limits: limits) { _ in
            Scripted { handler in
                handler.onReceived = { _, connection in
                    connection.write("sixteen bytes ..")
                    connection.close()
                }
            }
        }
        let client = world.connect()
        client.write("go")
        let start = world.now
        try world.run { client.isOver }
        #expect(client.text == "sixteen bytes ..")
        #expect((.seconds(14)...(.seconds(17))).contains(start.duration(to: world.now)))
        #expect(world.handlers[0].reason?.kind == .closed || world.handlers[0].reason == nil)
        try world.check()
    }

    @Test func aPeerThatStopsReadingIsStillGivenUp() throws {
        let world = try Simulation(seed: 1)
        let limits = Self.limits {
            $0.writeRate = RateLimit(bytesPerSecond: 100_000)
            $0.writeStallTime = .seconds(3)
            $0.outputLimit = 10_000_000
        }
        try world.listen(limits: limits) { _ in
            Scripted { $0.onReceived = { $1.write([UInt8](repeating: 1, count: 1_000_000)) } }
        }
        let client = world.connect()
        client.stall()
        client.write("go")
        try world.run(within: .seconds(20)) { world.handlers.first?.reason != nil }
        #expect(world.handlers[0].reason?.kind == .writeStalled)
        try world.check()
    }

    @Test(arguments: Backend.all) func limitsChangeAtRunTime(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var connection: Connection?
        try world.listen { _ in Scripted { $0.onConnected = { connection = $0 } } }
        let client = world.connect()
        try world.run { connection != nil }
        let it = try #require(connection)
        let slow = RateLimit(bytesPerSecond: 1000, burst: 100)
        it.readRate = slow
        #expect(it.readRate == slow && it.writeRate == nil && it.readGroup == nil)
        client.write([UInt8](repeating: 7, count: 500_000))
        try world.run(for: .seconds(2))
        #expect((1900...2100).contains(it.bytesReceived), "\(it.bytesReceived)")
        #expect(it.isReadingPaused)
        // Paused by the user as well: both have to end.
        it.pauseReading()
        try world.run(for: .seconds(1))
        let paused = it.bytesReceived
        #expect(paused <= 2200)
        it.readRate = nil
        try world.run(for: .seconds(1))
        #expect(it.bytesReceived == paused && it.isReadingPaused)
        it.resumeReading()
        try world.run { it.bytesReceived == 500_000 }
        #expect(!it.isReadingPaused)
        // And for writing, with something in the queue.
        it.writeRate = slow
        it.write([UInt8](repeating: 7, count: 60_000))
        try world.run(for: .seconds(2))
        #expect((1900...2100).contains(it.bytesSent))
        it.writeRate = RateLimit(bytesPerSecond: 10_000, burst: 1000)
        try world.run(for: .seconds(1))
        #expect((11_900...13_200).contains(it.bytesSent), "\(it.bytesSent)")
        it.writeRate = nil
        try world.run { client.received.count == 60_000 }
        try world.check()
    }

    @Test(arguments: Backend.all) func filesKeepToTheRateAsWell(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let kernel = world.kernel  // not the world, which holds the handlers
        let contents = (0..<30_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try world.listen(limits: Self.limits { $0.writeRate = RateLimit(bytesPerSecond: 10_000, burst: 1000) }) { _ in
            Scripted { handler in
                handler.onReceived = { _, connection in
                    connection.write("head")
                    connection.sendFile(OwnedDescriptor(kernel.openFile(contents)), count: contents.count)
                    connection.write("tail")
                    connection.close()
                }
            }
        }
        let client = world.connect()
        client.write("go")
        let start = world.now
        try world.run { client.isOver }
        #expect(client.received == Array("head".utf8) + contents + Array("tail".utf8))
        #expect((.milliseconds(2890)...(.milliseconds(3100))).contains(start.duration(to: world.now)))
        try world.check()
    }

    /// Ten thousand connections wait for tokens with a handful of timers, and the loop sleeps meanwhile.
    @Test func manyLimitedConnectionsSetFewTimers() throws {
        let world = try Simulation(seed: 1) { $0.descriptorMaximum = 30_000 }
        let count = 10_000
        var begun = 0
        let limits = Self.limits {
            $0.connections = count
            $0.backlog = count
            $0.idleTime = nil
            $0.firstMessageTime = nil
            $0.writeStallTime = nil
            $0.readRate = RateLimit(bytesPerSecond: 200, burst: 50)
        }
        try world.listen(limits: limits) { _ in
            Scripted { handler in
                handler.onReceived = { count, _ in if handler.received == count { begun += 1 } }
            }
        }
        for _ in 0..<count { world.connect().write([UInt8](repeating: 7, count: 300)) }
        try world.run { begun == count }
        let timers = world.loop.timerCount
        #expect(timers < 50, "\(timers) timers")
        let (fired, waits) = (world.loop.statistics.timersFired, world.kernel.waits)
        try world.run(for: .milliseconds(500))
        #expect(world.loop.statistics.timersFired - fired <= 30)
        #expect(world.kernel.waits - waits < 500, "\(world.kernel.waits - waits) waits")
        try world.run(for: .seconds(2))
        let slowest = world.handlers.map(\.receivedCount).min()!
        #expect(slowest == 300)
        try world.check()
    }
}
