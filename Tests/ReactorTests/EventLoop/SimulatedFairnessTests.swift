// More behaviours that other reactors got wrong first, on the simulated kernel and every back end: who gets a turn, and
// what may be done inside a callback. The numbers are those of the list that the real kernel's tests follow.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulatedFairnessTests {
    @Test(arguments: Backend.all) func r02_aDescriptorReusedInABatchGetsNoEventOfTheOldConnection(
        _ backend: Backend
    ) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var connections: [Connection] = []
        var late: SimulatedClient?
        try world.listen { _ in
            Scripted { handler in
                handler.onConnected = { connections.append($0) }
                handler.onReceived = { _, connection in
                    // The other one's event was found in the same wait; a newcomer takes its number.
                    guard late == nil else { return }
                    connections.first { $0 !== connection }!.abort()
                    late = world.connect()
                }
            }
        }
        let clients = [world.connect(), world.connect()]
        try world.run { connections.count == 2 }
        for client in clients { client.write("old") }
        try world.run { connections.count == 3 }
        try world.run(for: .seconds(1))
        #expect(world.handlers[2].receivedCount == 0 && world.handlers[2].reason == nil)
        late?.write("new")
        try world.run { world.handlers[2].receivedCount == 3 }
        try world.check()
    }

    @Test(arguments: Backend.all) func r06_theLastOfAThousandNewcomersIsAcceptedWithin100Milliseconds(
        _ backend: Backend
    ) throws {
        let world = try Simulation(seed: 1, backend: backend == .select ? .unlimitedSelect : backend)
        var limits = Limits()
        limits.connections = 2000
        limits.backlog = 1000
        try world.listen(limits: limits) { _ in
            Scripted { $0.onReceived = { _, _ in world.kernel.spend(.microseconds(5)) } }
        }
        let old = world.connect()
        old.write("x")
        try world.run { world.handlers.first?.receivedCount == 1 }
        let start = world.now
        let clients = (0..<1000).map { _ in world.connect() }
        for client in clients { client.write("hello") }
        try world.run { world.handlers.count == 1001 }
        #expect(start.duration(to: world.now) < .milliseconds(100))
        old.write("y")
        let asked = world.now
        try world.run { world.handlers[0].receivedCount == 2 }
        #expect(asked.duration(to: world.now) < .milliseconds(20))
        try world.check()
    }

    @Test(arguments: Backend.all) func r07_aFlooderDoesNotHoldUpTheQuiet(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend) { $0.receiveBuffer = 4 << 20 }
        var turns: [Int] = []
        try world.listen { _ in
            Scripted {
                $0.onReceived = { _, connection in
                    if connection.bytesReceived == 1 { turns.append(world.loop.statistics.turns) }
                }
            }
        }
        let flooder = world.connect()
        try world.run { world.handlers.count == 1 }
        for _ in 0..<40 { flooder.write([UInt8](repeating: 1, count: 100_000)) }
        let quiet = (0..<20).map { _ in world.connect() }
        for client in quiet { client.write("q") }
        let begun = world.loop.statistics.turns
        try world.run { turns.count == 20 }
        // Twenty were accepted and had their turn while the flood went on, a budget at a time.
        #expect(turns.allSatisfy { $0 - begun < 100 })
        try world.run { world.handlers[0].receivedCount == 4_000_000 }
        try world.check()
    }

    @Test(arguments: Backend.all) func r08_aMebibyteTakenOneReceiveATurnIsComplete(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var limits = Limits()
        limits.receivesPerTurn = 1
        try world.listen(limits: limits) { _ in
            Scripted { handler in
                handler.onReceived = { _, connection in
                    connection.pauseReading()
                    world.loop.execute { connection.resumeReading() }
                }
            }
        }
        let client = world.connect()
        client.write([UInt8](repeating: 1, count: 1 << 20))
        client.closeWrite()
        try world.run { world.handlers.first?.reason != nil }
        #expect(world.handlers[0].receivedCount == 1 << 20)
        #expect(world.handlers[0].reason?.kind == .ended)
        try world.check()
    }

    @Test(arguments: Backend.all) func r10_everyCallbackMayCloseEverything(_ backend: Backend) throws {
        for callback in ["connected", "received", "ended"] {
            let world = try Simulation(seed: 1, backend: backend)
            var connections: [Connection] = []
            var listener: Listener?
            func closeAll() {
                for connection in connections { connection.close() }
                connections.last?.abort()
                listener?.close()
                world.loop.stop()
            }
            listener = try world.listen { connection in
                connections.append(connection)
                return Scripted { handler in
                    if callback == "connected" { handler.onConnected = { _ in closeAll() } }
                    if callback == "received" { handler.onReceived = { _, _ in closeAll() } }
                    if callback == "ended" { handler.onEnded = { _ in closeAll() } }
                }
            }
            for client in [world.connect(), world.connect()] {
                client.write("x")
                client.closeWrite()
            }
            try world.runToEnd()
            #expect(world.handlers.allSatisfy { $0.reason != nil }, "\(callback)")
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func r11_tenThousandWritesInsideDrainedDoNotRecurse(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend) {
            $0.sendBuffer = 1024
            // Edge-triggered, each round looks once at the input that pressure had paused: a wait that finds nothing.
            $0.idleWaitsPerSecond = 20_000
        }
        var limits = Limits()
        limits.outputHighWatermark = 1000
        limits.outputLowWatermark = 500
        var (rounds, depth, deepest) = (0, 0, 0)
        try world.listen(limits: limits) { _ in
            Scripted { handler in
                func write(_ connection: Connection) {
                    depth += 1
                    deepest = max(deepest, depth)
                    rounds += 1
                    if rounds <= 10_000 { connection.write([UInt8](repeating: 1, count: 2500)) }
                    depth -= 1
                }
                handler.onConnected = { write($0) }
                handler.onDrained = { write($0) }
            }
        }
        world.connect()
        try world.run(within: .seconds(3600)) { rounds > 10_000 }
        #expect(deepest == 1)
        try world.check()
    }

    @Test(arguments: Backend.all) func r14_aTaskGivenBeforeRunRunsAtOnce(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let start = world.now
        var ranAt: MonotonicTime?
        world.loop.execute { [loop = world.loop] in
            ranAt = world.now
            loop.stop()
        }
        try world.runToEnd()
        #expect(start.duration(to: try #require(ranAt)) < .milliseconds(1))
        try world.check()
    }

    @Test(arguments: Backend.all) func r17_writingToAPeerThatIsGoneIsAnError(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var connection: Connection?
        try world.listen { _ in Scripted { $0.onConnected = { connection = $0 } } }
        let client = world.connect()
        try world.run { connection != nil }
        client.reset()
        connection!.write("to nobody")
        try world.run { world.handlers[0].reason != nil }
        #expect(world.handlers[0].reason?.kind == .failed)
        #expect(connection!.write("more") == .closed)
        try world.check()
    }

    @Test(arguments: [Backend.epoll(.levelTriggered), .epoll(.edgeTriggered)])
    func r18_afterAForkDescriptorsAreDeregisteredBeforeTheyAreClosed(_ backend: Backend) throws {
        for forks in [UInt32(0), 1] {
            let world = try Simulation(seed: 1, backend: backend)
            try world.listen { _ in EchoHandler() }
            let client = world.connect()
            client.write("x")
            try world.run { client.text == "x" }
            world.kernel.forks += forks
            client.closeWrite()
            try world.run { world.handlers[0].reason != nil }
            // EPOLL_CTL_DEL is 2.
            let deletions = world.trace.lines.count { $0.contains("epollControl") && $0.contains("(2)") }
            #expect(deletions == Int(forks), "\(world.trace.lines.suffix(8))")
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func r21_twoThousandConnectionsEndingAtOnceAreClosedOverTurns(_ backend: Backend)
        throws
    {
        let world = try Simulation(seed: 1, backend: backend == .select ? .unlimitedSelect : backend)
        var limits = Limits()
        limits.connections = 3000
        limits.backlog = 3000
        var connections: [Connection] = []
        try world.listen(limits: limits) { _ in Scripted { $0.onConnected = { connections.append($0) } } }
        for _ in 0..<2000 { world.connect() }
        try world.run { connections.count == 2000 }
        let turns = world.loop.statistics.turns
        for connection in connections { connection.abort() }
        try world.run { world.handlers.allSatisfy { $0.reason != nil } }
        #expect(world.loop.statistics.turns - turns >= 4)
        try world.check()
    }

    @Test(arguments: Backend.all) func r23_anIdleTimeoutCostsNoTimerAMessage(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        try world.listen { _ in EchoHandler() }
        let client = world.connect()
        for index in 0..<1000 { world.kernel.after(.milliseconds(index)) { client.write("x") } }
        try world.run { client.received.count == 1000 }
        #expect(world.loop.statistics.timersFired <= 1)
        // And yet it ends what is idle, a minute after the last byte.
        let last = world.now
        try world.run(within: .seconds(120)) { world.handlers[0].reason != nil }
        #expect(world.handlers[0].reason?.kind == .idle)
        #expect(last.duration(to: world.now) >= .seconds(59) && last.duration(to: world.now) < .seconds(62))
        try world.check()
    }
}
