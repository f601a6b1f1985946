// Every fallible call of a session fails once with every errno of its man page.

import Reactor
import ReactorTesting
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct TortureTests {
    private final class Told: Sendable { let count = Atomic(0) }

    /// Connect, exchange, timer, signal, connector, half-close, close; every wait is bounded, so that it ends whatever
    /// fails.
    private static func session(_ world: Simulation) throws {
        var limits = Limits()
        limits.idleTime = .seconds(3)
        limits.writeStallTime = .seconds(2)
        limits.lingerTime = .milliseconds(100)
        limits.sendBuffer = 3000
        let listener = try world.listen(limits: limits) { _ in EchoHandler() }
        var fired = 0
        world.loop.schedule(after: .milliseconds(1)) { fired += 1 }
        let signal = try world.loop.watchSignal(.terminate) { fired += 1 }
        world.kernel.raise(.terminate)
        let client = world.connect()
        client.write("hello")
        world.connect().write([UInt8](repeating: 7, count: 20_000))
        world.kernel.after(.milliseconds(2)) { client.closeWrite() }
        var outcomes = 0
        try world.loop.connect(
            to: listener.address, timeout: .milliseconds(500), limits: limits,
            handler: { connection in
                outcomes += 1
                connection.write("from inside")
                connection.closeWrite()
                return world.observe(EchoHandler())
            },
            failed: { _ in outcomes += 1 })
        try world.run(for: .milliseconds(50))
        let told = Told()
        world.loop.handle.execute { _ in told.count.add(1, ordering: .relaxed) }
        try world.run(for: .milliseconds(20))
        listener.close()
        signal.cancel()
        try world.run(for: .seconds(4))
        if fired != 2 { throw world.failure("the timer and the signal: \(fired) of 2") }
        if told.count.load(ordering: .relaxed) != 1 { throw world.failure("the task of another thread did not run") }
        if outcomes != 1 { throw world.failure("the connect has \(outcomes) outcomes") }
        if let left = world.handlers.first(where: { $0.reason == nil && $0.wasConnected }) {
            throw world.failure("\(left.base) is still connected")
        }
    }

    @Test(arguments: Backend.all) func everyCallFailsOnceWithEveryErrno(_ backend: Backend) throws {
        let torture = Torture(backend: backend, session: Self.session)
        let points = try torture.points()
        #expect(points.count >= 300, "\(points.count) points")
        var failures = 0
        for point in points where failures < 3 {
            do {
                try torture.run(point)
            } catch {
                failures += 1
                Issue.record("\(error)")
            }
        }
    }

    /// Bind, connect, join, exchange, leave, close.
    private static func datagrams(_ world: Simulation) throws {
        let peer = world.datagramPeer(at: .ipv4(0, 0, 0, 0, port: 1099))
        let group = SocketAddress.ipv4(239, 0, 0, 7, port: 1099)
        peer.join(group)
        var options = DatagramOptions()
        options.multicastInterface = NetworkInterface(index: 1)
        options.receiveBuffer = 65_536
        let echo = try world.bindDatagrams(
            on: .ipv4(0, 0, 0, 0, port: 1098), options: options, handler: ScriptedDatagrams())
        try echo.join(group)
        let quiet = ScriptedDatagrams { $0.onReceived = { _, _, _ in } }
        let client = try world.connectDatagrams(to: .loopback(port: 1098), handler: quiet)
        for number in 0..<5 {
            world.kernel.after(.milliseconds(number)) {
                peer.send("\(number)", to: .loopback(port: 1098))
                client.send("from inside")
                echo.send("to all", to: group)
            }
        }
        try world.run(for: .milliseconds(200))
        // At most one call failed, and no datagram is lost by that but the one that it was about.
        let statistics = [echo.statistics, client.statistics]
        if statistics.contains(where: { $0.dropped > 5 }) { throw world.failure("\(statistics)") }
        if !client.isClosed && !echo.isClosed {
            let arrived = peer.received.count + quiet.texts.count
            if arrived < 10 { throw world.failure("only \(arrived) of 15 arrived: \(statistics)") }
        }
        try echo.leave(group)
        client.close()
        try world.run(for: .milliseconds(10))
    }

    @Test(arguments: Backend.all) func everyCallOfDatagramsFailsOnceWithEveryErrno(_ backend: Backend) throws {
        let torture = Torture(backend: backend, session: Self.datagrams)
        let points = try torture.points()
        #expect(points.count >= 200, "\(points.count) points")
        var failures = 0
        for point in points where failures < 3 {
            do {
                try torture.run(point)
            } catch {
                failures += 1
                Issue.record("\(error)")
            }
        }
    }
}
