// The simulated world as its users see it: echo, time, ends, resets, and the same run from the same seed.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulationTests {
    @Test(arguments: Backend.all) func anEchoComesBack(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        try world.listen { _ in EchoHandler() }
        let client = world.connect()
        client.write("hello")
        try world.run { client.text == "hello" }
        client.closeWrite()
        try world.run { client.ended }
        try world.run { world.handlers[0].reason != nil }
        #expect(world.handlers[0].reason?.kind == .ended)
        try world.check()
    }

    @Test(arguments: Backend.all) func underHarshFaultsTheBytesAreTheSame(_ backend: Backend) throws {
        for seed in 0..<20 as Range<UInt64> {
            var faults = Faults.harsh
            faults.reset = 0
            faults.outOfDescriptors = 0
            faults.stuckPeer = 0
            faults.abortedAccept = 0
            faults.failingRegistration = 0
            let world = try Simulation(seed: seed, faults: faults, backend: backend)
            try world.listen { _ in EchoHandler() }
            let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let client = world.connect()
            client.write(bytes)
            client.closeWrite()
            try world.run { client.isOver }
            let isSame = client.received == bytes
            #expect(isSame, "seed \(seed)")
            #expect(client.ended)
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func aStreamThatIsCutShortIsReset(_ backend: Backend) throws {
        struct Failure: Error {}
        for throwing in [false, true] {
            let world = try Simulation(seed: 1, backend: backend)
            var limits = Limits()
            limits.outputLimit = 10_000
            try world.listen(limits: limits) { _ in
                Scripted { handler in
                    handler.onReceived = { _, connection in
                        // The first is taken, whatever its size; the second is made under pressure.
                        connection.write([UInt8](repeating: 1, count: throwing ? 100 : 1_000_000))
                        if !throwing { connection.write([UInt8](repeating: 1, count: 20_000)) }
                        if throwing { throw Failure() }
                    }
                }
            }
            let client = world.connect()
            client.write("x")
            try world.run { client.isOver }
            #expect(client.error == .connectionReset && !client.ended)
            #expect(world.handlers[0].reason?.kind == (throwing ? .handlerError : .outputLimit))
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func theSameSeedGivesTheSameTrace(_ backend: Backend) throws {
        func digest(_ seed: UInt64) throws -> (UInt64, [String]) {
            let world = try Simulation(seed: seed, faults: .harsh, backend: backend)
            try world.listen { _ in EchoHandler() }
            for index in 0..<5 {
                let client = world.connect()
                client.write([UInt8](repeating: UInt8(index), count: 3000))
                client.closeWrite()
            }
            try world.run(for: .seconds(20))
            try world.check()
            return (world.trace.digest, world.trace.lines)
        }
        let (first, second, other) = (try digest(9), try digest(9), try digest(10))
        #expect(first.0 == second.0)
        #expect(first.1 == second.1)
        #expect(first.0 != other.0)
    }

    @Test(arguments: Backend.all) func anHourOfIdlenessTakesNoTime(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var limits = Limits()
        limits.idleTime = .seconds(3600)
        limits.firstMessageTime = nil
        try world.listen(limits: limits) { _ in EchoHandler() }
        let client = world.connect()
        try world.run(within: .seconds(4000)) { client.ended }
        #expect(world.handlers[0].reason?.kind == .idle)
        #expect(world.now.nanoseconds >= 3600 * 1_000_000_000)
        try world.check()
    }

    @Test(arguments: Backend.all) func aResetIsToldOnce(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        try world.listen { _ in EchoHandler() }
        let client = world.connect()
        client.write("x")
        try world.run { client.text == "x" }
        client.reset()
        try world.run { world.handlers[0].reason != nil }
        #expect(world.handlers[0].reason?.kind == .failed)
        try world.check()
    }

    @Test func aWaitThatNothingEndsIsReported() throws {
        let world = try Simulation(seed: 1)
        #expect(throws: SimulationFailure.self) {
            try world.loop.turn(); try world.run { false }
        }
        try world.check()
    }

    @Test func aConnectToNobodyIsRefused() throws {
        let world = try Simulation(seed: 1)
        let client = world.connect(to: .loopback(port: 9))
        try world.run { client.isOver }
        #expect(client.error == .connectionRefused)
        try world.check()
    }
}
