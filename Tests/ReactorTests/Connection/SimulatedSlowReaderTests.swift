// Slow readers, in virtual time: progress is what the peer acknowledges. The send buffer of 64 KiB holds the whole response,
// so that the kernel takes it at once; that of 300 bytes holds a part, and the rest waits in the connection's queue.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulatedSlowReaderTests {
    /// How the response is written.
    enum Style: CaseIterable { case bytes, bytesThenClose, file }

    private static let response = (0..<600).map { UInt8(truncatingIfNeeded: $0) }
    private static let sendBuffers = [300, 65_536]

    /// A world whose server answers anything with 600 bytes, and a client that has asked.
    private func answered(
        _ backend: Backend, sendBuffer: Int, _ style: Style = .bytes, limits: Limits = Limits(),
        asked: @escaping (Connection) -> Void = { _ in }, _ prepare: (SimulatedClient) -> Void
    ) throws -> (Simulation, SimulatedClient) {
        let world = try Simulation(seed: 1, backend: backend) {
            $0.sendBuffer = sendBuffer
            $0.receiveBuffer = 4
        }
        try world.listen(limits: limits) { _ in
            Scripted { handler in
                handler.onReceived = { count, connection in
                    guard handler.received == count else { return }
                    asked(connection)
                    switch style {
                    case .bytes: connection.write(Self.response)
                    case .bytesThenClose:
                        connection.write(Self.response)
                        connection.close()
                    case .file:
                        connection.sendFile(
                            OwnedDescriptor(world.kernel.openFile(Self.response)), count: Self.response.count)
                    }
                }
            }
        }
        let client = world.connect()
        client.write("go")
        try world.run { client.received.count >= 1 }
        prepare(client)
        return (world, client)
    }

    @Test(arguments: Backend.all, Style.allCases)
    func aPeerThatReadsAByteASecondIsServedForTenMinutes(_ backend: Backend, _ style: Style) throws {
        for sendBuffer in Self.sendBuffers {
            let (world, client) = try answered(backend, sendBuffer: sendBuffer, style) {
                $0.readSize = 1
                $0.pace = .seconds(1)
            }
            let start = world.now
            try world.run(within: .seconds(700)) { client.received.count == Self.response.count || client.wasReset }
            #expect(client.received == Self.response && start.duration(to: world.now) > .seconds(580))
            // Then it is idle, or closed; the time for that begins when the last byte was acknowledged.
            if style == .bytesThenClose { client.close() } else { #expect(world.handlers[0].reason == nil) }
            let end = world.now
            try world.run(within: .seconds(70)) { world.handlers[0].reason != nil }
            #expect(world.handlers[0].reason?.kind == (style == .bytesThenClose ? .closed : .idle))
            if style != .bytesThenClose { #expect(end.duration(to: world.now) > .seconds(50)) }
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func aByteJustBeforeEachDeadlineIsEnough(_ backend: Backend) throws {
        for sendBuffer in Self.sendBuffers {
            let (world, client) = try answered(backend, sendBuffer: sendBuffer) {
                $0.readSize = 1
                $0.pace = .seconds(59)
            }
            try world.run(for: .seconds(900))
            #expect(client.received.count >= 14 && !client.wasReset && world.handlers[0].reason == nil)
            try world.check()
        }
    }

    /// The queue, or what the kernel holds after ``Connection/close()``, which may begin a check later.
    @Test(arguments: Backend.all, Style.allCases)
    func aPeerThatReadsNoMoreIsGivenUpAfterAMinute(_ backend: Backend, _ style: Style) throws {
        for sendBuffer in Self.sendBuffers where sendBuffer == 300 || style == .bytesThenClose {
            let (world, client) = try answered(backend, sendBuffer: sendBuffer, style) { _ in }
            try world.run { client.received.count >= 100 }
            client.stall()
            let start = world.now
            try world.run(within: .seconds(100)) { world.handlers[0].reason != nil }
            #expect(world.handlers[0].reason?.kind == .writeStalled)
            #expect((.seconds(60)...(.seconds(70))).contains(start.duration(to: world.now)))
            client.resume()
            try world.run { client.wasReset }
            #expect(client.received.count < Self.response.count, "nobody takes what arrived for the whole")
            try world.check()
        }
    }

    /// Nothing waits in the connection, and something is written again and again: only the peer's silence shows it.
    @Test(arguments: Backend.all) func aDeadPeerIsFoundThoughTheKernelTakesEverything(_ backend: Backend) throws {
        for idle in [Duration.seconds(60), nil] {
            var limits = Limits()
            limits.idleTime = idle
            var accepted: Connection?
            let (world, client) = try answered(backend, sendBuffer: 65_536, limits: limits, asked: { accepted = $0 }) {
                $0.stall()
            }
            try world.run { accepted != nil }
            let connection = try #require(accepted)
            let start = world.now
            let timer = world.loop.schedule(after: .seconds(1), repeating: .seconds(1)) { connection.write("tick") }
            try world.run(within: .seconds(200)) { world.handlers[0].reason != nil }
            world.loop.cancel(timer)
            #expect(world.handlers[0].reason?.kind == .writeStalled)
            #expect((.seconds(60)...(.seconds(130))).contains(start.duration(to: world.now)))
            _ = client
            try world.check()
        }
    }

    /// More input than may be thrown away must not cost a slow peer the response.
    @Test(arguments: Backend.all) func unreadInputDoesNotCutAResponseThatIsStillRead(_ backend: Backend) throws {
        for sendBuffer in Self.sendBuffers {
            var limits = Limits()
            limits.lingerBytes = 10
            let (world, client) = try answered(backend, sendBuffer: sendBuffer, .bytesThenClose, limits: limits) {
                $0.readSize = 1
                $0.pace = .milliseconds(200)
            }
            try world.run { client.received.count > 10 }
            client.write([UInt8](repeating: 7, count: 10_000))
            try world.run(within: .seconds(300)) { client.isOver }
            #expect(client.received == Self.response)
            try world.run { world.handlers[0].reason != nil }
            #expect(world.handlers[0].reason?.kind == .closed)
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func aTaskThatWritesToASlowReaderGoesOn(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend) {
            $0.sendBuffer = 300
            $0.receiveBuffer = 4
        }
        var limits = Limits()
        (limits.outputLowWatermark, limits.outputHighWatermark) = (0, 100)
        try world.loop.startServing(on: .loopback(port: 7788), limits: limits) { connection in
            _ = try await connection.readExactly(2)
            try await connection.write(Self.response)
        }
        let client = world.connect()
        client.readSize = 1
        client.pace = .seconds(1)
        client.write("go")
        try world.run(within: .seconds(700)) { client.isOver }
        #expect(client.received == Self.response && client.ended)
        client.close()
        try world.run { world.loop.connectionCount == 0 }
        try world.check()
    }

    /// A kernel that does not say what is acknowledged: then what it takes is the only progress, as it was.
    @Test func withoutAnAnswerOfTheKernelWhatItTakesIsProgress() throws {
        let (world, client) = try answered(.epoll(), sendBuffer: 300) { $0.stall() }
        world.kernel.fail(.unacknowledged, with: .noMemory, times: .max)
        try world.run(within: .seconds(70)) { world.handlers.first?.reason != nil }
        #expect(world.handlers[0].reason?.kind == .writeStalled)
        client.resume()
        try world.check()
    }
}
