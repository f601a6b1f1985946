// Keeping a connection: pauses that grow and are drawn from a seed, a reset after success, stopping, and the loop's end.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct ReconnectorTests {
    @Test func pausesGrowToTheMaximumAndNeverOverflow() {
        var backoff = Backoff()
        backoff.initial = .milliseconds(100)
        backoff.maximum = .seconds(3)
        var bounds = SeededBits(bits: .max)
        #expect(
            (0..<7).map { _ in backoff.nextDelay(using: &bounds) } == [
                .milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1600),
                .seconds(3), .seconds(3),
            ])
        for _ in 0..<200 { #expect(backoff.nextDelay(using: &bounds) == .seconds(3)) }
        backoff.reset()
        #expect(backoff.failures == 0 && backoff.nextDelay(using: &bounds) == .milliseconds(100))
        var zero = SeededBits(bits: 0)
        #expect(backoff.nextDelay(using: &zero) == .zero, "full jitter: from nothing")
        backoff.initial = .seconds(-1)
        backoff.maximum = .seconds(Int64.max / 2)
        for _ in 0..<100 { #expect(backoff.nextDelay(using: &bounds) >= .zero) }
        backoff.maximum = .seconds(-1)
        #expect(backoff.nextDelay(using: &bounds) == .zero)
    }

    private struct SeededBits: RandomNumberGenerator {
        let bits: UInt64
        func next() -> UInt64 { bits }
    }

    private func pauses(seed: UInt64) throws -> [Duration] {
        let world = try Simulation(seed: seed)
        var pauses: [Duration] = []
        let reconnector = try world.loop.keepConnected(
            to: "192.0.2.1:80", random: SeededGenerator(seed: seed), handler: { _ in EchoHandler() },
            failed: { _, pause in pauses.append(pause) })
        try world.run(within: .seconds(600)) { pauses.count == 12 }
        #expect(reconnector.failures == 12)
        reconnector.stop()
        try world.run(for: .seconds(100))
        #expect(pauses.count == 12)
        try world.check()
        return pauses
    }

    @Test func aSeedDecidesThePauses() throws {
        let first = try pauses(seed: 3)
        #expect(try pauses(seed: 3) == first)
        #expect(try pauses(seed: 4) != first)
        for (number, pause) in first.enumerated() {
            #expect(pause <= min(.milliseconds(100 * (1 << number)), .seconds(30)))
        }
    }

    @Test(arguments: Backend.all) func itComesBackWheneverTheServerDoes(_ backend: Backend) throws {
        let world = try Simulation(seed: 5, backend: backend)
        let address = SocketAddress.loopback(port: 900)
        var connections: [Connection] = []
        var failures = 0
        let reconnector = try world.loop.keepConnected(
            to: "127.0.0.1:900", random: SeededGenerator(seed: 5),
            handler: { connection in
                connections.append(connection)
                return world.observe(EchoHandler())
            }, failed: { _, _ in failures += 1 })
        try world.run { failures == 3 }
        // The server comes up, and the connection lasts.
        var patient = Limits()
        patient.firstMessageTime = nil
        let listener = try world.listen(on: address, limits: patient) { _ in EchoHandler() }
        try world.run { connections.count == 1 }
        #expect(reconnector.connection === connections[0])
        try world.run(for: .seconds(11))
        let before = reconnector.failures
        #expect(before >= 3)
        connections[0].abort()
        try world.run { connections.count == 2 }
        #expect(reconnector.failures == 1, "a connection that lasted makes good for what was before")
        // One that ends at once does not.
        connections[1].abort()
        try world.run { connections.count == 3 }
        #expect(reconnector.failures == 2)
        reconnector.stop()
        #expect(reconnector.isStopped)
        #expect(!connections[2].isClosed, "stopping leaves the connection alone")
        listener.close()
        connections[2].close()
        try world.run(for: .seconds(60))
        #expect(connections.count == 3)
        try world.check()
    }

    /// The simulated kernel gives out its ports in order, so that the second attempt is given the destination's.
    @Test(arguments: Backend.all) func itIsNeverConnectedToItself(_ backend: Backend) throws {
        let world = try Simulation(seed: 5, backend: backend)
        let address = SocketAddress.loopback(port: 32_770)
        var connected = 0
        var failures: [Errno?] = []
        let reconnector = try world.loop.keepConnected(
            to: "\(address)", random: SeededGenerator(seed: 5),
            handler: { _ in
                connected += 1
                return world.observe(EchoHandler())
            }, failed: { error, _ in failures.append(error.errno) })
        try world.run(within: .seconds(600)) { failures.count == 5 || connected > 0 }
        #expect(failures == Array(repeating: .connectionRefused, count: 5))
        // The server can have its port, and is found.
        try world.listen(on: address) { _ in EchoHandler() }
        try world.run(within: .seconds(60)) { connected == 1 }
        reconnector.stop()
        try world.check()
    }

    @Test func itStopsWithTheLoopWhateverItIsAt() throws {
        for milliseconds in [0, 1, 5, 50, 500] {
            for drains in [true, false] {
                for listens in [true, false] {
                    let world = try Simulation(seed: 6)
                    if listens { try world.listen(on: .loopback(port: 900)) { _ in EchoHandler() } }
                    let reconnector = try world.loop.keepConnected(
                        to: "127.0.0.1:900", handler: { _ in world.observe(EchoHandler()) })
                    try world.run(for: .milliseconds(milliseconds))
                    if drains {
                        world.loop.drain(within: .seconds(1))
                        try world.runToEnd()
                        #expect(reconnector.connection == nil)
                    }
                    try world.check()
                    #expect(reconnector.isStopped)
                }
            }
        }
    }
}
