// Adopted descriptors in the simulated world, under every fault, for handlers and for tasks.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulatedAdoptionTests {
    /// Both ends of a pair belong to the loop: one sends, the other sends it back.
    @Test(arguments: Backend.all, [false, true])
    func anEchoUnderHarshFaults(_ backend: Backend, _ areTerminals: Bool) throws {
        for seed in 0..<20 as Range<UInt64> {
            var faults = Faults.harsh
            faults.reset = 0
            faults.failingRegistration = 0
            faults.outOfDescriptors = 0
            let world = try Simulation(seed: seed, faults: faults, backend: backend)
            let (near, far) = world.kernel.streamPair(areTerminals: areTerminals)
            let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let collector = Collector(bytes)
            try world.adopt(near) { collector }
            try world.adopt(far) { EchoHandler() }
            try world.run { collector.received.count == bytes.count }
            #expect(collector.received == bytes, "seed \(seed)")
            try world.check()
        }
    }

    /// A peer that closes without reading: no SIGPIPE, one reason.
    @Test(arguments: Backend.all) func aTerminalThatIsClosed(_ backend: Backend) throws {
        let world = try Simulation(seed: 3, backend: backend)
        let (near, far) = world.kernel.streamPair(areTerminals: true)
        let collector = Collector([UInt8](repeating: 1, count: 200_000))
        try world.adopt(near) { collector }
        try world.run(for: .milliseconds(5))
        #expect(world.kernel.close(far).succeeded)
        try world.run { collector.reason != nil }
        try world.check()
    }

    @Test(arguments: AsyncWorld.all) func aTaskAdopts(_ world: AsyncWorld) throws {
        try world.run { loop in
            let (first, second) = streamPair(loop)
            let near = try await loop.adopt(OwnedDescriptor(first))
            let far = try await loop.adopt(OwnedDescriptor(second))
            try await near.write("hello")
            #expect(try await far.readExactly(5) == Array("hello".utf8))
            near.closeWrite()
            #expect(try await far.read() == nil)
            far.close()
            near.close()
            await #expect(throws: SocketError.self) {
                _ = try await loop.adopt(OwnedDescriptor(FileDescriptor(rawValue: 60_000)))
            }
        }
    }
}

/// Opens two connected streams on the loop's kernel.
private func streamPair(_ loop: EventLoop) -> (FileDescriptor, FileDescriptor) {
    if let kernel = loop.kernel as? SimulatedKernel { return kernel.streamPair() }
    let pair = Pair.sockets()
    defer {
        pair.forgetFirst()
        pair.forgetSecond()
    }
    return (pair.first, pair.second)
}

extension Simulation {
    /// Adopts a descriptor with an observed handler.
    fileprivate func adopt(_ descriptor: FileDescriptor, _ handler: @escaping () -> any ConnectionHandler) throws {
        try loop.adopt(OwnedDescriptor(descriptor)) { [unowned self] _ in observe(handler()) }
    }
}

/// Writes some bytes, collects what comes back, and closes.
private final class Collector: ConnectionHandler {
    let bytes: [UInt8]
    var received: [UInt8] = []
    var reason: CloseReason?

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func connected(_ connection: Connection) { connection.write(bytes) }

    func received(_ bytes: RawSpan, on connection: Connection) {
        // Safe: the bytes are copied while they are lent.
        unsafe bytes.withUnsafeBytes { unsafe received += $0 }
        if received.count == self.bytes.count { connection.close() }
    }

    func closed(_ connection: Connection, reason: CloseReason) { self.reason = reason }
}
