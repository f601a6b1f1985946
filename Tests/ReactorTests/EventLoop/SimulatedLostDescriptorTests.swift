// Descriptors that other code of the process closes, in the simulated world: a use of a closed number is a violation there,
// and so is a spin.

import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulatedLostDescriptorTests {
    @Test(arguments: Backend.all, [true, false]) func aWatchIsToldOnceThatItsDescriptorIsClosed(
        _ backend: Backend, isPaused: Bool
    ) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let descriptor = world.kernel.eventDescriptor().descriptor
        var told: [Readiness] = []
        let watch = try world.loop.watch(descriptor, for: isPaused ? [] : .readable) { told.append($0) }
        try world.run(for: .milliseconds(1))
        #expect(world.kernel.close(descriptor).succeeded)
        let turns = world.loop.statistics.turns
        try world.run(for: .seconds(60))
        #expect(world.loop.statistics.turns - turns < 10)
        if backend == .poll || (!isPaused && backend.description.hasPrefix("select")) { #expect(told == [.invalid]) }
        watch.interest = isPaused ? .readable : [.readable, .writable]
        try world.run { !told.isEmpty }
        try world.run(for: .seconds(1))
        #expect(told == [.invalid])
        #expect(world.loop.registrationCount == 1)
        watch.cancel()
        try world.check()
    }

    @Test(arguments: Backend.all) func aWatchWhoseNumberIsGivenAgainIsTold(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let descriptor = world.kernel.eventDescriptor().descriptor
        var told: [Readiness] = []
        try world.loop.watch(descriptor, for: .readable) { told.append($0) }
        try world.run(for: .milliseconds(1))
        _ = world.kernel.close(descriptor)
        let listener = try world.listen { _ in Echo() }
        let client = world.connect()
        client.write("hello")
        try world.run { client.text == "hello" && told == [.invalid] }
        listener.close()
        try world.check()
    }

    /// A connection with output waiting, or paused, whose descriptor is closed: it ends once, with the reason, and neither
    /// writes to the number nor closes it, which is another connection's by then.
    @Test(arguments: Backend.all, [true, false]) func aConnectionEndsAndLeavesTheNumberAlone(
        _ backend: Backend, isPaused: Bool
    ) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var connections: [Connection] = []
        var limits = Limits()
        limits.connections = 2
        try world.listen(limits: limits) { connection in
            connections.append(connection)
            return Echo()
        }
        let first = world.connect()
        first.stall()
        first.write("x")
        try world.run { connections.first?.bytesReceived == 1 }
        let lost = connections[0]
        lost.writeRate = RateLimit(bytesPerSecond: 1)
        if isPaused { lost.pauseReading() } else { lost.write([UInt8](repeating: 1, count: 200_000)) }
        try world.run(for: .milliseconds(1))
        let number = try #require(lost.fileDescriptor)
        _ = world.kernel.close(number)
        let second = world.connect()
        second.write("hello")
        try world.run { second.text == "hello" }
        #expect(connections[1].fileDescriptor == number, "the number is given again")
        try world.run { lost.isClosed }
        #expect(lost.write("for nobody") == .closed)
        lost.abort()
        second.write(" again")
        try world.run { second.text == "hello again" }
        #expect(world.handlers[0].reason?.kind == .failed)
        #expect((world.handlers[0].reason?.error as? SocketError)?.errno == .badFileDescriptor)
        #expect(world.loop.connectionCount == 1)
        try world.check()
    }

    @Test(arguments: [Backend.poll, .select, .unlimitedSelect]) func allOthersEndToo(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var reports: [String] = []
        world.loop.onReport = { reports.append("\($0)") }
        let socket = try world.bindDatagrams(handler: Silent())
        let datagrams = try #require(socket.fileDescriptor)
        var failed: SocketError?
        world.kernel.setRoute(to: .ipv4(127, 0, 0, 9, port: 0), .dead)
        try world.loop.connect(
            to: .ipv4(127, 0, 0, 9, port: 1), handler: { _ in Echo() }, failed: { failed = $0 })
        let connecting = FileDescriptor(rawValue: datagrams.rawValue + 1)
        let listener = try world.listen { _ in Echo() }
        let listening = FileDescriptor(rawValue: datagrams.rawValue + 2)
        let signals = FileDescriptor(rawValue: datagrams.rawValue + 4)  // behind the reserve
        let watch = try world.loop.watchSignal(.user1) {}
        try world.run(for: .milliseconds(1))
        for descriptor in [datagrams, connecting, listening, signals] { _ = world.kernel.close(descriptor) }
        try world.run(for: .seconds(2))
        #expect(socket.isClosed && world.datagramHandlers[0].error?.errno == .badFileDescriptor)
        #expect(failed?.errno == .badFileDescriptor)
        #expect(reports.count == 1, "\(reports)")
        #expect(world.loop.registrationCount == 1)
        listener.close()
        watch.cancel()
        try world.check()
    }

    private final class Echo: ConnectionHandler {
        func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
    }

    private final class Silent: DatagramHandler {
        func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {}
    }
}
