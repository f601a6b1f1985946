// The twelve invariants of the loop (they stand at the top of EventLoop.swift): one test each, on every back end.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct InvariantTests {
    /// A stack of callbacks deeper than one would be a handler called from somewhere else than the turn.
    @Test(arguments: Backend.all) func i01_handlersAreNotCalledInsideHandlers(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var depth = 0
            var deepest = 0
            func inside(_ body: () -> Void) {
                depth += 1
                deepest = max(deepest, depth)
                body()
                depth -= 1
            }
            let (address, recorders, _) = try loop.listenRecording { recorder in
                recorder.onConnected = { connection in inside { connection.write("hello") } }
                recorder.onReceived = { _, connection in
                    inside {
                        connection.write(pattern(100_000))
                        connection.close()
                    }
                }
                recorder.onDrained = { connection in inside { connection.abort() } }
                recorder.onClosed = { _, _ in inside { loop.execute { inside {} } } }
            }
            let clients = try (0..<8).map { _ in try TestClient(address) }
            try loop.run { recorders.all.count == 8 }
            for client in clients { client.send("x") }
            try loop.run {
                for client in clients { if client.drain() { client.close() } }
                return recorders.all.allSatisfy(\.isClosed)
            }
            #expect(deepest == 1)
        }
    }

    @Test(arguments: Backend.all) func i02_interestIsFlushedOnceBeforeTheWait(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let (client, recorder) = try loop.accepted()
            try loop.run(for: .milliseconds(2))
            let before = kernel.calls[.epollControl, default: 0]
            for _ in 0..<100 {
                recorder.connection!.pauseReading()
                recorder.connection!.resumeReading()
            }
            recorder.connection!.pauseReading()
            try loop.run(for: .milliseconds(2))
            #expect(kernel.calls[.epollControl, default: 0] - before <= 1)
            client.send("x")
            try loop.run(for: .milliseconds(5))
            #expect(recorder.bytes.isEmpty)
        }
    }

    @Test(arguments: Backend.all) func i03_anEventOfAnOlderGenerationIsDropped(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let pairs = [Pair.sockets(), Pair.sockets()]
            var told = 0
            var watches: [DescriptorWatch] = []
            for index in 0..<2 {
                watches.append(
                    try loop.watch(pairs[index].first, for: .readable) { _ in
                        told += 1
                        // The other one's event was found in the same wait; its number is registered anew at once.
                        watches[1 - index].cancel()
                        watches[1 - index] = try! loop.watch(pairs[1 - index].first, for: .priority) { _ in told += 100
                        }
                    })
                pairs[index].second.put("x")
            }
            try loop.turn()
            #expect(told == 1)
            #expect(loop.statistics.staleEvents == 1)
        }
    }

    @Test(arguments: Backend.all) func i04_closedComesOnceAndAfterTheDescriptorIsClosed(_ backend: Backend) throws {
        let kernel = CountingKernel()
        try withLoop(backend, kernel: kernel) { loop in
            var number: CInt = -1
            var wasOpen = true
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onConnected = { number = $0.fileDescriptor!.rawValue }
                recorder.onReceived = { _, connection in
                    connection.abort()
                    #expect(kernel.open.contains(number), "whatever runs now may go on to use it")
                    connection.close()
                    connection.abort()
                }
                recorder.onClosed = { connection, _ in
                    wasOpen = kernel.open.contains(number)
                    connection.abort()
                    connection.close()
                    #expect(connection.fileDescriptor == nil && connection.local == nil)
                }
            }
            client.send("x")
            try loop.run { recorder.isClosed }
            try loop.run(for: .milliseconds(5))
            #expect(!wasOpen)
            #expect(recorder.calls == ["connected", "received", "closed"])
            #expect(kernel.faults.isEmpty)
        }
    }

    @Test(arguments: Backend.all) func i05_noUserCodeRunsInsideWriteCloseOrCancel(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, one) = try loop.accepted()
            let (other, two) = try loop.accepted()
            let pair = Pair.pipe()
            var calls = 0
            for recorder in [one, two] {
                recorder.onDrained = { _ in calls += 1 }
                recorder.onClosed = { _, _ in calls += 1 }
            }
            let watch = try loop.watch(pair.first, for: .readable) { _ in calls += 1 }
            loop.execute {
                pair.second.put("x")
                one.connection!.write(pattern(2_000_000))
                one.connection!.write(pattern(2_000_000))  // under pressure, and beyond the hard limit
                two.connection!.abort()
                watch.cancel()
                #expect(calls == 0)
            }
            try loop.run { one.isClosed && two.isClosed }
            #expect(calls == 2)
            _ = (client, other)
        }
    }

    @Test(arguments: Backend.all) func i06_oneTurnReadsNoMoreThanItsBudget(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var limits = Limits()
            limits.bytesReceivedPerTurn = 64 * 1024
            limits.receiveBuffer = 4 << 20
            let (client, recorder) = try loop.accepted(limits: limits) { $0.keepsBytes = false }
            var most = 0
            for _ in 0..<200 {
                client.send([UInt8](repeating: 1, count: 1 << 20))
                let before = loop.statistics.bytesReceived
                try loop.turn(mayWait: false)
                most = max(most, loop.statistics.bytesReceived - before)
            }
            // An edge and a leftover may meet in one turn.
            #expect(most <= 2 * 64 * 1024 && most > 0)
            _ = recorder
        }
    }

    @Test(arguments: Backend.all) func i07_theWaitBlocksUntilTheNextDeadlineAndNotWhileWorkIsQueued(
        _ backend: Backend
    ) throws {
        let kernel = FaultyKernel()
        kernel.recordsTimeouts = true
        try withLoop(backend, kernel: kernel) { loop in
            loop.execute {}
            try loop.turn()
            loop.handle.execute { _ in }
            try loop.turn()
            #expect(kernel.timeouts.suffix(2) == [0, 0])
            let timer = loop.schedule(after: .milliseconds(30)) {}
            try loop.turn()
            let timeout = kernel.timeouts.last!
            #expect(timeout > 0 && timeout <= 30_000_000)
            loop.cancel(timer)
            try loop.turn(mayWait: false)
            #expect(kernel.timeouts.last == 0)
            let handle = loop.handle
            let thread = TestThread { handle.execute { _ in } }
            let tasks = loop.statistics.tasksRun
            while loop.statistics.tasksRun == tasks { try loop.turn() }
            thread.join()
            #expect(kernel.timeouts.dropFirst(4).allSatisfy { $0 <= 0 }, "without a deadline, for ever")
        }
    }

    @Test(arguments: Backend.all) func i08_whatIsAddedDuringATurnRunsInTheNext(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let pair = Pair.pipe()
            var origin = 0
            var turns: [String: Int] = [:]
            try loop.watch(pair.first, for: .readable) { _ in
                pair.first.takeAll()
                origin = loop.statistics.turns
                loop.execute { turns["task"] = loop.statistics.turns }
                loop.schedule(after: .zero) {
                    turns["timer"] = loop.statistics.turns
                    loop.execute { turns["task of timer"] = loop.statistics.turns }
                }
            }
            pair.second.put("x")
            try loop.run { turns.count == 3 }
            #expect(turns == ["task": origin + 1, "timer": origin + 1, "task of timer": origin + 2])
        }
    }

    @Test(arguments: Backend.all) func i09_deadlinesFollowTheMonotonicClock(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            var fired = 0
            loop.schedule(after: .seconds(3600)) { fired += 1 }
            try loop.turn(mayWait: false)
            #expect(fired == 0)
            let before = loop.now
            kernel.clockAhead = .seconds(3600)
            try loop.turn()
            #expect(fired == 1)
            #expect(before < loop.now)
        }
    }

    @Test(arguments: Backend.all) func i10_wouldBlockIsNoErrorAndInterruptionIsInvisible(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let (client, recorder) = try loop.accepted {
                $0.onReceived = { bytes, connection in connection.write(bytes) }
            }
            kernel.fail(.wait, with: .interrupted, times: 3)
            kernel.fail(.send, with: .interrupted, times: 3)
            kernel.fail(.receive, with: .interrupted, times: 3)
            client.send("x")
            try loop.run {
                client.drain()
                return client.text == "x"
            }
            kernel.fail(.receive, with: .resourceTemporarilyUnavailable)
            client.send("y")
            // Spurious readiness; edge-triggered the next edge repeats it.
            try loop.run(for: .milliseconds(5))
            client.send("z")
            try loop.run {
                client.drain()
                return client.text == "xyz"
            }
            #expect(!recorder.isClosed)
        }
    }

    /// This covers close-on-exec. The other half of the invariant, that no send delivers `SIGPIPE`, is covered for
    /// files by `aResetWhileAFileIsSentRaisesNoSignal` (FileTests); the signal would end the test process.
    @Test(arguments: Backend.all) func i11_everyDescriptorIsCloseOnExec(_ backend: Backend) throws {
        let kernel = CountingKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
            try loop.watchSignal(.user2) {}
            var isConnected = false
            try loop.connect(to: listener.address) { _ in
                isConnected = true
                return EchoHandler()
            } failed: { _ in
            }
            try loop.run { isConnected && loop.statistics.connectionsOpened == 2 }
            #expect(kernel.made >= 6 - (backend.description.hasPrefix("epoll") ? 0 : 1))
            #expect(kernel.faults.isEmpty)
        }
        #expect(kernel.open.isEmpty)
    }

    @Test(arguments: Backend.all) func i12_memoryOfAConnectionIsBounded(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var limits = Limits()
            limits.sendBuffer = 16 * 1024
            limits.outputLimit = 128 * 1024
            var most = 0
            let (client, recorder) = try loop.accepted(limits: limits, receiveBuffer: 4096) { recorder in
                recorder.keepsBytes = false
                recorder.onReceived = { bytes, connection in
                    connection.write(bytes)
                    most = max(most, connection.queuedBytes)
                }
            }
            // A peer that sends and never reads: what it sends stays in the kernels.
            for _ in 0..<200 {
                client.send(pattern(16 * 1024))
                try loop.turn(mayWait: false)
            }
            #expect(!recorder.isClosed && recorder.connection!.isReadingPaused)
            #expect(most <= 128 * 1024 + 64 * 1024)
        }
    }
}
