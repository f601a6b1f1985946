// Files between bytes on the simulated kernel: order under faults, files that get shorter, peers that go, and what is told.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulatedFileTests {
    private static let contents = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ $0 >> 9) }
    private static let head = [UInt8](repeating: 1, count: 30_000)
    private static let tail = Array("the end".utf8)

    /// Writes, in answer to anything: bytes, a part of a file, a byte, the whole file, bytes; and closes.
    private func answer(_ world: Simulation, _ told: @escaping (SentFile) -> Void) -> Scripted {
        Scripted { handler in
            handler.onReceived = { _, connection in
                let files = (0..<2).map { _ in world.kernel.openFile(Self.contents) }
                connection.write(Self.head)
                connection.sendFile(OwnedDescriptor(files[0]), from: 777, count: 100_000, completed: told)
                connection.write([42])
                connection.sendFile(OwnedDescriptor(files[1]), count: Self.contents.count, completed: told)
                connection.write(Self.tail)
                connection.close()
            }
        }
    }

    private var expected: [UInt8] { Self.head + Self.contents[777..<100_777] + [42] + Self.contents + Self.tail }

    @Test(arguments: Backend.all) func bytesAndFilesArriveInOrderUnderFaults(_ backend: Backend) throws {
        for seed in 0..<20 as Range<UInt64> {
            var faults = Faults.harsh
            faults.reset = 0
            faults.outOfDescriptors = 0
            faults.stuckPeer = 0
            faults.abortedAccept = 0
            faults.failingRegistration = 0
            let world = try Simulation(seed: seed, faults: faults, backend: backend)
            var told: [SentFile] = []
            try world.listen { _ in answer(world) { told.append($0) } }
            let client = world.connect()
            client.write("go")
            try world.run(within: .seconds(600)) { client.isOver }
            let isSame = client.received == expected
            #expect(isSame && client.ended, "seed \(seed): \(client.received.count) of \(expected.count)")
            #expect(told.map(\.count) == [100_000, Self.contents.count], "seed \(seed)")
            #expect(told.allSatisfy { $0.isComplete })
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func everythingIsToldOnceAndClosedWhateverHappens(_ backend: Backend) throws {
        for seed in 0..<60 as Range<UInt64> {
            let world = try Simulation(seed: seed, faults: .none, backend: backend)
            var told = 0
            var given = 0
            try world.listen { _ in
                Scripted { handler in
                    handler.onReceived = { _, connection in
                        for _ in 0..<3 {
                            let file = world.kernel.openFile(Self.contents)
                            given += 1
                            let result = connection.sendFile(
                                OwnedDescriptor(file), count: Self.contents.count, completed: { _ in told += 1 })
                            if result == .closed { told += 1 }
                        }
                    }
                }
            }
            world.kernel.faults = .harsh
            world.kernel.faults.reset = 0.02
            world.kernel.faults.outOfDescriptors = 0
            for number in 0..<4 {
                let client = world.connect()
                client.write("go")
                if number == 0 { world.kernel.after(.milliseconds(3)) { client.reset() } }
            }
            try world.run(for: .seconds(Int64(seed % 3)))
            try world.check()
            #expect(told == given, "seed \(seed)")
        }
    }

    @Test(arguments: Backend.all) func aFileThatGotShorterFailsTheConnection(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var outcome: SentFile?
        var order: [String] = []
        var file = FileDescriptor(rawValue: -1)
        try world.listen { _ in
            Scripted { handler in
                handler.onReceived = { _, connection in
                    file = world.kernel.openFile(Self.contents)
                    connection.sendFile(OwnedDescriptor(file), count: Self.contents.count) {
                        outcome = $0
                        order.append("completed")
                    }
                    connection.close()
                }
                handler.onClosed = { order.append("closed") }
            }
        }
        let client = world.connect()
        client.stall()
        client.write("go")
        try world.run { client.unsent == 0 && file.rawValue >= 0 }
        try world.run(for: .milliseconds(10))
        world.kernel.truncate(file, to: 190_000)
        client.resume()
        try world.run { world.handlers[0].reason != nil }
        #expect(outcome?.count == 190_000 && outcome?.isComplete == false)
        #expect(order == ["completed", "closed"])
        let error = try #require(world.handlers[0].reason?.error as? SocketError)
        #expect(error.reason == "the file ended 10000 bytes short of its count")
        try world.run { client.isOver }
        #expect(client.wasReset, "the peer must not take a part for the whole")
        try world.check()
    }

    /// The simulated kernel calls it a violation if the signal is not blocked, or one is left behind.
    @Test(arguments: Backend.all) func aPeerThatHasGoneRaisesNoSignal(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var outcome: SentFile?
        try world.listen { _ in
            Scripted { handler in
                handler.onReceived = { _, connection in
                    world.kernel.fail(.sendFile, with: .brokenPipe, after: 1)
                    connection.sendFile(
                        OwnedDescriptor(world.kernel.openFile(Self.contents)), count: Self.contents.count
                    ) { outcome = $0 }
                }
            }
        }
        let client = world.connect()
        client.write("go")
        try world.run { world.handlers.first?.reason != nil }
        #expect(world.handlers[0].reason?.kind == .failed)
        #expect(outcome?.isComplete == false)
        try world.check()
    }

    @Test(arguments: Backend.all) func aPeerThatReadsNothingIsGivenUp(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var limits = Limits()
        limits.writeStallTime = .seconds(7)
        var outcome: SentFile?
        try world.listen(limits: limits) { _ in
            Scripted { handler in
                handler.onReceived = { _, connection in
                    let result = connection.sendFile(
                        OwnedDescriptor(world.kernel.openFile(Self.contents)), count: Self.contents.count
                    ) { outcome = $0 }
                    #expect(result == .taken, "a file is not memory")
                    #expect(connection.queuedFileBytes == Self.contents.count && connection.queuedBytes == 0)
                }
            }
        }
        let client = world.connect()
        client.stall()
        client.write("go")
        let start = world.now
        try world.run { world.handlers.first?.reason != nil }
        #expect(world.handlers[0].reason?.kind == .writeStalled)
        #expect((.seconds(7)...(.seconds(8))).contains(start.duration(to: world.now)))
        #expect(outcome?.isComplete == false && outcome!.count > 0)
        try world.check()
    }

    @Test func filesThatWaitAreBounded() throws {
        let world = try Simulation(seed: 1)
        var limits = Limits()
        limits.outputHighWatermark = 16 * 4096
        limits.outputLimit = 32 * 4096
        var answers: [WriteResult] = []
        var told = 0
        try world.listen(limits: limits) { _ in
            Scripted { handler in
                handler.onReceived = { _, connection in
                    for _ in 0..<34 {
                        let file = OwnedDescriptor(world.kernel.openFile(Self.contents))
                        answers.append(connection.sendFile(file, count: 1000) { _ in told += 1 })
                    }
                }
            }
        }
        world.connect().write("go")
        try world.run { world.handlers.first?.reason != nil }
        #expect(answers[..<16].allSatisfy { $0 == .taken })
        #expect(answers[16..<32].allSatisfy { $0 == .pressure })
        #expect(answers[32...].allSatisfy { $0 == .closed })
        #expect(world.handlers[0].reason?.kind == .outputLimit)
        #expect(told == 32)
        try world.check()
    }

    /// Nothing to send is sent as well; what is given after the end is closed.
    @Test func nothingAndTooLate() throws {
        let world = try Simulation(seed: 1)
        var outcomes: [SentFile] = []
        var held: Connection?
        try world.listen { _ in
            Scripted { handler in
                handler.onConnected = { connection in
                    held = connection
                    connection.sendFile(OwnedDescriptor(world.kernel.openFile([])), count: 0) { outcomes.append($0) }
                    #expect(outcomes.isEmpty, "never inside the call")
                    connection.write("after")
                    connection.closeWrite()
                }
            }
        }
        let client = world.connect()
        try world.run { client.ended }
        #expect(client.text == "after" && outcomes.map(\.count) == [0] && outcomes[0].isComplete)
        let connection = try #require(held)
        let late = OwnedDescriptor(world.kernel.openFile([1]))
        #expect(connection.sendFile(late, count: 1, completed: { _ in Issue.record("told") }) == .closed)
        try world.check()
    }

    @Test(arguments: Backend.all) func everyCallFailsOnceWithEveryErrno(_ backend: Backend) throws {
        let torture = Torture(backend: backend) { world in
            var limits = Limits()
            limits.writeStallTime = .seconds(2)
            limits.idleTime = .seconds(3)
            limits.lingerTime = .milliseconds(100)
            var told = 0
            var given = 0
            try world.listen(limits: limits) { _ in
                given += 2
                return answer(world) { _ in told += 1 }
            }
            world.connect().write("go")
            try world.run(for: .seconds(8))
            let wasAsked = world.handlers.first.map { $0.receivedCount > 0 } ?? false
            // Whoever had been closed before the first file was given took none.
            if wasAsked && told != given && told != 0 { throw world.failure("\(told) of \(given) were told") }
        }
        let points = try torture.points()
        #expect(points.contains { $0.call == .sendFile })
        var failures = 0
        for point in points where failures < 3 {
            do { try torture.run(point) } catch {
                failures += 1
                Issue.record("\(error)")
            }
        }
    }
}
