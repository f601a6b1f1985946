// What pressure does to its own connection, and how much one write may be.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct PressurePolicyTests {
    private func limits(_ prepare: (inout Limits) -> Void = { _ in }) -> Limits {
        var limits = Limits()
        (limits.outputLowWatermark, limits.outputHighWatermark, limits.outputLimit) = (2048, 8192, 65_536)
        prepare(&limits)
        return limits
    }

    private func world(
        _ backend: Backend, _ limits: Limits, _ prepare: @escaping (Scripted) -> Void
    ) throws -> Simulation {
        let world = try Simulation(seed: 1, backend: backend) { ($0.sendBuffer, $0.receiveBuffer) = (4096, 4096) }
        try world.listen(limits: limits) { _ in Scripted(prepare) }
        return world
    }

    // MARK: The policy

    @Test(arguments: Backend.all) func readingGoesOnWhenPressureIsOnlyReported(_ backend: Backend) throws {
        for policy in [PressurePolicy.pausesReading, .reportsOnly] {
            var (drained, results) = (0, [WriteResult]())
            var connection: Connection?
            let world = try world(backend, limits { $0.pressurePolicy = policy }) { handler in
                handler.onReceived = { _, receiver in
                    connection = receiver
                    if results.isEmpty { results.append(receiver.write(pattern(40_000))) }
                }
                handler.onDrained = { _ in drained += 1 }
            }
            let client = world.connect()
            client.stall()
            client.write("1")
            try world.run { !results.isEmpty }
            client.write("2")
            try world.run(for: .seconds(1))
            #expect(results == [.pressure] && drained == 0 && connection!.pressurePolicy == policy)
            #expect(connection!.bytesReceived == (policy == .reportsOnly ? 2 : 1))
            #expect(connection!.isReadingPaused == (policy == .pausesReading))
            client.resume()
            try world.run { client.received.count == 40_000 && connection!.bytesReceived == 2 }
            #expect(drained == 1 && client.received == pattern(40_000))
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func thePolicyOfAnOpenConnectionCanBeChanged(_ backend: Backend) throws {
        var connection: Connection?
        let world = try world(backend, limits()) { handler in
            handler.onReceived = { _, receiver in
                if connection == nil { receiver.write(pattern(40_000)) }
                connection = receiver
            }
        }
        let client = world.connect()
        client.stall()
        client.write("1")
        try world.run { connection?.isReadingPaused == true }
        client.write("2")
        world.loop.execute { connection!.pressurePolicy = .reportsOnly }
        try world.run { connection!.bytesReceived == 2 }
        world.loop.execute { connection!.pressurePolicy = .pausesReading }
        try world.run { connection!.isReadingPaused }
        client.write("3")
        try world.run(for: .seconds(1))
        #expect(connection!.bytesReceived == 2)
        client.resume()
        try world.run { connection!.bytesReceived == 3 && client.received.count == 40_000 }
        try world.check()
    }

    @Test(arguments: Backend.all) func theLimitHoldsWhenPressureIsOnlyReported(_ backend: Backend) throws {
        var most = 0
        let world = try world(backend, limits { $0.pressurePolicy = .reportsOnly }) { handler in
            handler.onReceived = { _, connection in
                connection.write(pattern(5000))
                most = max(most, connection.queuedBytes)
            }
        }
        let client = world.connect()
        client.stall()
        for _ in 0..<100 {
            client.write("x")
            try world.run(for: .milliseconds(1))
            if world.handlers.first?.reason != nil { break }
        }
        #expect(world.handlers[0].reason?.kind == .outputLimit && most <= 65_536 + 5000)
        try world.check()
    }

    // MARK: One large write

    @Test(arguments: Backend.all) func aWriteLargerThanTheLimitIsTakenAndDelivered(_ backend: Backend) throws {
        for isInside in [true, false] {
            var connection: Connection?
            var result: WriteResult?
            let world = try world(backend, limits()) { handler in
                handler.onReceived = { _, receiver in
                    connection = receiver
                    guard isInside else { return }
                    receiver.write("header")
                    result = receiver.write(pattern(500_000))
                }
            }
            let client = world.connect()
            client.write("x")
            try world.run { connection != nil }
            if !isInside {
                world.loop.execute {
                    connection!.write("header")
                    result = connection!.write(pattern(500_000))
                }
            }
            try world.run { client.received.count == 500_006 || client.isOver }
            #expect(result == .pressure && client.received == Array("header".utf8) + pattern(500_000))
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func aWriteUnderPressureBeyondTheLimitResets(_ backend: Backend) throws {
        var results: [WriteResult] = []
        let world = try world(backend, limits()) { handler in
            handler.onReceived = { _, connection in
                for count in [500_000, 1, 500_000] { results.append(connection.write(pattern(count))) }
            }
        }
        let client = world.connect()
        client.stall()
        client.write("x")
        try world.run { world.handlers.first?.reason != nil }
        #expect(results == [.pressure, .closed, .closed])
        #expect(world.handlers[0].reason?.kind == .outputLimit)
        try world.check()
    }

    @Test func aFileMayFollowAndPrecedeALargeWrite() throws {
        let contents = pattern(10_000)
        var results: [WriteResult] = []
        var sent: [SentFile] = []
        var world: Simulation!
        world = try self.world(.epoll(), limits()) { handler in
            handler.onReceived = { _, connection in
                for _ in 0..<2 {
                    let file = OwnedDescriptor(world.kernel.openFile(contents))
                    results.append(connection.sendFile(file, count: contents.count) { sent.append($0) })
                }
                results.append(connection.write(pattern(300_000)))
            }
        }
        let client = world.connect()
        client.write("x")
        try world.run { client.received.count == 320_000 || client.isOver }
        #expect(results == [.taken, .taken, .pressure])
        #expect(client.received == contents + contents + pattern(300_000))
        #expect(sent.count == 2 && sent.allSatisfy(\.isComplete))
        try world.check()
        world = nil
    }

    @Test func resultsAndPoliciesPrintInWords() {
        #expect("\(WriteResult.taken) \(WriteResult.pressure) \(WriteResult.closed)" == "taken pressure closed")
        #expect(
            "\(PressurePolicy.pausesReading), \(PressurePolicy.reportsOnly)" == "pauses reading, reports pressure only")
    }
}
