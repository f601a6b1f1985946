// The echo servers in the simulated world: what comes back, in pieces of any size and under every fault.

import Demos
import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct EchoTests {
    /// Faults that hurt, but end no connection.
    private static var harsh: Faults {
        var faults = Faults.harsh
        (faults.reset, faults.stuckPeer, faults.abortedAccept) = (0, 0, 0)
        (faults.outOfDescriptors, faults.failingRegistration) = (0, 0)
        return faults
    }

    private static func answer(
        to bytes: [UInt8], _ backend: Backend, seed: UInt64, _ handler: @escaping () -> any ConnectionHandler
    ) throws -> [UInt8] {
        let world = try Simulation(seed: seed, faults: harsh, backend: backend)
        try world.listen { _ in handler() }
        let client = world.connect()
        client.write(bytes)
        client.closeWrite()
        try world.run { client.isOver }
        #expect(client.ended, "seed \(seed)")
        try world.check()
        return client.received
    }

    @Test(arguments: Backend.all) func echoReturnsTheSameBytes(_ backend: Backend) throws {
        let bytes = (0..<30_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for seed in 0..<10 as Range<UInt64> {
            let isSame = try Self.answer(to: bytes, backend, seed: seed) { Echo() } == bytes
            #expect(isSame, "seed \(seed)")
        }
    }

    /// A carriage return before the newline is a part of the line's end, and is not answered.
    @Test(arguments: Backend.all) func linesComeBackWithoutTheirCarriageReturns(_ backend: Backend) throws {
        let lines = (0..<500).map { "line \($0)" + String(repeating: "é", count: $0 % 50) }
        let wire = lines.enumerated().map { $0.element + ($0.offset % 3 == 0 ? "\r\n" : "\n") }.joined()
        let expected = lines.map { $0 + "\n" }.joined()
        for seed in 0..<10 as Range<UInt64> {
            let answer = try Self.answer(to: Array(wire.utf8), backend, seed: seed) { LineEcho().framed(by: .lines()) }
            let isRight = answer == Array(expected.utf8)
            #expect(isRight, "seed \(seed)")
        }
    }

    /// Only ASCII letters change: half a UTF-8 character is no letter.
    @Test(arguments: Backend.all) func upperCaseChangesLettersAndNothingElse(_ backend: Backend) throws {
        let bytes = (0..<30_000).map { UInt8(truncatingIfNeeded: $0) }
        let upper = bytes.map { (97...122).contains($0) ? $0 - 32 : $0 }
        for seed in 0..<10 as Range<UInt64> {
            let isRight = try Self.answer(to: bytes, backend, seed: seed) { UpperCaseEcho() } == upper
            #expect(isRight, "seed \(seed)")
        }
    }

    /// The echo as a task: its reads are lent what has arrived, and it waits while its peer does not read.
    @Test(arguments: Backend.all) func asATaskItReturnsTheSameBytes(_ backend: Backend) throws {
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for seed in 0..<5 as Range<UInt64> {
            let world = try Simulation(seed: seed, faults: Self.harsh, backend: backend)
            var limits = Limits()
            (limits.outputLowWatermark, limits.outputHighWatermark, limits.outputLimit) = (1000, 5000, 100_000)
            let listener = try world.loop.startServing(
                on: .loopback(port: 0), limits: limits, AsyncEcho.serve)
            let client = world.connect(to: listener.address)
            client.write(bytes)
            client.closeWrite()
            try world.run { client.isOver }
            #expect(client.ended, "seed \(seed)")
            let isSame = client.received == bytes
            #expect(isSame, "seed \(seed)")
            try world.check()
        }
    }
}
