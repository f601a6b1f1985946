// Unix sockets in the simulated world: the same names and paths as Linux has, under every fault.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulatedUnixTests {
    private static let path = FilePath("/run/s")
    private static func address() throws -> SocketAddress { try SocketAddress("unix:/run/s") }

    @Test(arguments: Backend.all) func anEchoUnderHarshFaults(_ backend: Backend) throws {
        for seed in 0..<20 as Range<UInt64> {
            var faults = Faults.harsh
            faults.reset = 0
            faults.stuckPeer = 0
            faults.abortedAccept = 0
            faults.failingRegistration = 0
            faults.outOfDescriptors = 0
            let world = try Simulation(seed: seed, faults: faults, backend: backend)
            let listener = try world.listen(on: Self.address()) { _ in EchoHandler() }
            #expect(world.kernel.status(of: Self.path)?.permissions == .ownerReadWrite)
            let client = world.connect()
            let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            client.write(bytes)
            client.closeWrite()
            try world.run { client.isOver }
            #expect(client.received == bytes, "seed \(seed)")
            listener.close()
            #expect(world.kernel.status(of: Self.path) == nil)
            try world.check()
        }
    }

    @Test func aPathIsReplacedOnlyWhenNobodyListens() throws {
        let world = try Simulation(seed: 1)
        let first = try world.listen(on: Self.address()) { _ in EchoHandler() }
        #expect(throws: SocketError.self) { try world.listen(on: Self.address()) { _ in EchoHandler() } }
        first.close()
        // A server that ended without a word.
        let stale = world.kernel.socket(.stream, for: try Self.address()).descriptor
        #expect(world.kernel.bind(stale, to: try Self.address()).succeeded)
        #expect(world.kernel.close(stale).succeeded)
        let second = try world.listen(on: Self.address()) { _ in EchoHandler() }
        let client = world.connect()
        client.write("x")
        try world.run { client.text == "x" }
        second.close()
        world.kernel.makeFile(at: Self.path)
        #expect(throws: SocketError.self) { try world.listen(on: Self.address()) { _ in EchoHandler() } }
        #expect(world.kernel.status(of: Self.path)?.isSocket == false)
        try world.check()
    }

    /// A session over a path that a crashed server left behind, with every call failing once.
    @Test(arguments: Backend.all) func torture(_ backend: Backend) throws {
        let torture = Torture(backend: backend) { world in
            let address = try Self.address()
            let kernel = world.kernel
            let stale = kernel.socket(.stream, for: address)
            if stale.succeeded {
                _ = kernel.bind(stale.descriptor, to: address)
                _ = kernel.close(stale.descriptor)
            }
            let listener = try world.listen(on: address) { _ in EchoHandler() }
            var failed: SocketError?
            var closed = false
            try world.loop.connect(
                to: address, handler: { _ in world.observe(Client { closed = true }) }, failed: { failed = $0 })
            // A reset that only one side hears of leaves the other to its idle time.
            try world.run(within: .seconds(70)) { closed || failed != nil }
            listener.close()
        }
        for point in try torture.points() { try torture.run(point) }
    }

    /// Says a word, waits for the echo and closes.
    private final class Client: ConnectionHandler {
        private let onClosed: () -> Void

        init(onClosed: @escaping () -> Void) { self.onClosed = onClosed }

        func connected(_ connection: Connection) { connection.write("hello") }
        func received(_ bytes: RawSpan, on connection: Connection) { connection.close() }
        func closed(_ connection: Connection, reason: CloseReason) { onClosed() }
    }
}
