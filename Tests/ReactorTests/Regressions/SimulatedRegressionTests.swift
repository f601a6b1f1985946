// The behaviours that other reactors got wrong first, on the simulated kernel and every back end; numbered as in the
// list that the real kernel's tests follow. Here time is virtual, so that a minute's drift or stall is seen in no time.

import Reactor
import ReactorTesting
import Synchronization
import SystemPackage
import TestSupport
import Testing

private final class WakeUpCounts: Sendable {
    let taken = Atomic(0)
    let refused = Atomic(0)
    let ran = Atomic(0)
}

@Suite(.timeLimit(.minutes(20))) struct SimulatedRegressionTests {
    @Test(arguments: Backend.all) func r01_aSlowReaderPausesItsOwnInput(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var most = 0
        let handler = Scripted { handler in
            handler.onReceived = { _, connection in
                for _ in 0..<10 { connection.write([UInt8](repeating: 1, count: 1000)) }
                most = max(most, connection.queuedBytes)
            }
        }
        try world.listen { _ in handler }
        let client = world.connect()
        client.stall()
        for index in 0..<2000 {
            world.kernel.after(.microseconds(index * 100)) { client.write([UInt8](repeating: 2, count: 10)) }
        }
        try world.run(for: .seconds(1))
        #expect(most < 200_000)
        #expect(handler.received < 20_000)
        client.resume()
        try world.run { handler.received == 20_000 && client.received.count % 10_000 == 0 && client.unsent == 0 }
        try world.check()
    }

    @Test(arguments: Backend.all) func r03_aDuplicateOfAClosedDescriptorDoesNotSpin(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var duplicate: SystemResult?
        try world.listen { _ in
            Scripted { handler in
                handler.onReceived = { _, connection in
                    duplicate = world.kernel.duplicate(connection.fileDescriptor!)
                    connection.close()
                }
            }
        }
        let client = world.connect()
        client.write("x")
        try world.run { duplicate != nil && world.handlers[0].reason != nil }
        client.write("more")
        let before = world.kernel.waits
        try world.run(for: .seconds(10))
        #expect(world.kernel.waits - before < 20)
        _ = world.kernel.close(duplicate!.descriptor)
        try world.check()
    }

    @Test(arguments: Backend.all) func r04_aResetWhilePausedIsToldAndDoesNotSpin(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        try world.listen { _ in Scripted { $0.onReceived = { $1.pauseReading() } } }
        let client = world.connect()
        client.write("x")
        try world.run { world.handlers.first?.receivedCount == 1 }
        let before = world.kernel.waits
        client.reset()
        try world.run(within: .seconds(5)) { world.handlers[0].reason != nil }
        #expect(world.kernel.waits - before < 20)
        try world.check()
    }

    @Test(arguments: Backend.all) func r05_outOfDescriptorsIsSurvived(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend) { $0.descriptorMaximum = 12 }
        var reports = 0
        world.loop.onReport = { if $0.kind == .outOfResources { reports += 1 } }
        var limits = Limits()
        limits.connections = 100
        try world.listen(limits: limits) { _ in EchoHandler() }
        let clients = (0..<10).map { _ in world.connect() }
        for client in clients { client.write("x") }
        try world.run(for: .milliseconds(500))
        #expect(clients.contains { $0.text == "x" } && clients.contains { $0.isOver })
        #expect(reports == 1)
        clients.first { $0.text == "x" }!.write("y")
        try world.run { clients.contains { $0.text == "xy" } }
        for client in clients { client.closeWrite() }
        try world.run { clients.allSatisfy(\.isOver) }
        let late = world.connect()
        late.write("late")
        try world.run { late.text == "late" }
        try world.check()
    }

    @Test(arguments: Backend.all) func r09_closeSendsAllAndAbortResets(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend) {
            $0.sendBuffer = 4096
            $0.receiveBuffer = 4096
        }
        var limits = Limits()
        limits.outputLimit = 2 << 20
        let bytes = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        try world.listen(limits: limits) { _ in
            Scripted { handler in
                handler.onReceived = { count, connection in
                    if count > 1 { return connection.abort() }
                    connection.write(bytes)
                    connection.close()
                }
            }
        }
        let (patient, aborted) = (world.connect(), world.connect())
        patient.write("x")
        patient.closeWrite()
        aborted.write("xx")
        try world.run { patient.isOver && aborted.isOver }
        let isSame = patient.received == bytes
        #expect(isSame && patient.ended && !patient.wasReset)
        #expect(aborted.error == .connectionReset)
        try world.check()
    }

    @Test(arguments: Backend.all) func r12_aPeriodicTimerDoesNotDrift(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let start = world.now
        var firings = 0
        world.loop.schedule(after: .milliseconds(10), repeating: .milliseconds(10)) {
            firings += 1
            world.kernel.spend(.milliseconds(4))
        }
        try world.run { firings == 500 }
        #expect(start.duration(to: world.now) < .milliseconds(5006))
        try world.check()
    }

    /// There is no wall clock at the seam, and none behind its back: a day passes on the kernel's clock while those of this
    /// machine hardly move, and whoever asked one of these would be late by a day.
    @Test(arguments: Backend.all) func r13_theKernelsMonotonicClockIsTheOnlyOne(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var limits = Limits()
        limits.idleTime = .seconds(3600)
        limits.firstMessageTime = .seconds(7200)
        try world.listen(limits: limits) { _ in EchoHandler() }
        let client = world.connect()
        let (start, wallStart) = (world.now, ContinuousClock.now)
        client.write("x")
        var fired: MonotonicTime?
        world.loop.schedule(after: .seconds(86_400)) { fired = world.now }
        try world.run(within: .seconds(90_000)) { fired != nil }
        #expect(start.duration(to: fired!) - .seconds(86_400) < .milliseconds(1))
        #expect(world.handlers[0].reason?.kind == .idle)
        #expect(start.duration(to: world.handlers[0].closedAt!) - .seconds(3600) < .milliseconds(1))
        #expect(ContinuousClock.now - wallStart < .seconds(3600))
        try world.check()
    }

    @Test(arguments: Backend.all) func r15_wakeUpsDuringTheShutdownAreTakenOrRefused(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let counts = WakeUpCounts()
        let handle = world.loop.handle
        let threads = (0..<8).map { _ in
            RealThread {
                for _ in 0..<5000 {
                    let wasTaken = handle.execute { _ in counts.ran.add(1, ordering: .sequentiallyConsistent) }
                    if wasTaken {
                        counts.taken.add(1, ordering: .sequentiallyConsistent)
                    } else {
                        counts.refused.add(1, ordering: .sequentiallyConsistent)
                    }
                }
            }
        }
        // A simulated wait that sleeps does not hear of other threads before something happens in its world.
        world.loop.schedule(after: .zero, repeating: .milliseconds(1)) {
            if counts.taken.load(ordering: .sequentiallyConsistent) > 10_000 { world.loop.stop() }
        }
        try world.runToEnd()
        for thread in threads { thread.join() }
        let (taken, refused) = (counts.taken.load(ordering: .relaxed), counts.refused.load(ordering: .relaxed))
        #expect(taken + refused == 40_000 && counts.ran.load(ordering: .relaxed) == taken)
        try world.check()
    }

    @Test(arguments: Backend.all) func r16_aStormOfInterruptsChangesNothing(_ backend: Backend) throws {
        var faults = Faults.none
        faults.interruption = 0.9
        let world = try Simulation(seed: 16, faults: faults, backend: backend)
        try world.listen { _ in EchoHandler() }
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let client = world.connect()
        client.write(bytes)
        client.closeWrite()
        try world.run { client.ended }
        let isSame = client.received == bytes
        #expect(isSame)
        try world.check()
    }

    @Test(arguments: Backend.all) func r19_aRegularFileAsInputIsReadToItsEnd(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        world.kernel.setStandardInput(bytes)
        var read: [UInt8] = []
        var ended = false
        var watch: DescriptorWatch?
        watch = try world.loop.watch(.standardInput, for: .readable) { _ in
            var piece = [UInt8](repeating: 0, count: 4096)
            // Safe: the kernel writes as many bytes as it says, within the bounds of the span.
            var span = piece.mutableSpan
            let result = unsafe world.kernel.read(.standardInput, into: span.mutableBytes)
            read += piece.prefix(result.rawValue)
            if result.rawValue == 0 {
                ended = true
                watch?.cancel()
            }
        }
        try world.run { ended }
        let isSame = read == bytes
        #expect(isSame)
        let before = world.kernel.waits
        try world.run(for: .seconds(10))
        #expect(world.kernel.waits - before < 5)
        try world.check()
    }

    @Test(arguments: Backend.all) func r20_aHalfClosedPeerReceivesItsReplyAndOneEnd(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var ends = 0
        try world.listen { _ in
            Scripted { handler in
                handler.onEnded = { connection in
                    ends += 1
                    world.loop.schedule(after: .milliseconds(50)) {
                        connection.write("reply")
                        connection.close()
                    }
                }
            }
        }
        let client = world.connect()
        client.write("question")
        client.closeWrite()
        try world.run { client.ended }
        #expect(client.text == "reply" && ends == 1)
        try world.check()
    }

    @Test(arguments: Backend.all) func r22_aGracefulStopKeepsItsDeadline(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        try world.listen { _ in
            Scripted { $0.onConnected = { $0.write([UInt8](repeating: 1, count: 500_000)) } }
        }
        let (stuck, fine) = (world.connect(), world.connect())
        stuck.stall()
        try world.run(for: .milliseconds(100))
        let start = world.now
        world.loop.drain(within: .seconds(2))
        fine.closeWrite()
        try world.runToEnd()
        #expect(abs(start.duration(to: world.now) / .seconds(1) - 2) < 0.01)
        let kinds = world.handlers.map { $0.reason?.kind }
        #expect(kinds.contains(.loopEnded) && kinds.contains(.closed), "\(kinds)")
        try world.check()
    }

    @Test(arguments: Backend.all) func r24_manyDescriptorsAreServedOrRefused(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        try world.listen { _ in EchoHandler() }
        let clients = (0..<1100).map { _ in world.connect() }
        for client in clients { client.write("x") }
        try world.run { clients.allSatisfy { $0.text == "x" || $0.isOver } }
        let served = clients.count { $0.text == "x" }
        #expect(backend == .select ? (1000..<1024).contains(served) : served == 1100)
        try world.check()
    }
}
