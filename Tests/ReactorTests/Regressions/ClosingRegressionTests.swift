// What other reactors got wrong first: endings. Each test is named for what it pins; the numbers are those of the
// project's list of such behaviours.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct ClosingRegressionTests {
    /// libuv 826, go 59545.
    @Test(arguments: Backend.all) func r02_aDescriptorReusedInABatchGetsNoEventOfTheOldConnection(
        _ backend: Backend
    ) throws {
        // Numbers that no parallel test takes meanwhile.
        let high = HighDescriptorKernel()
        high.lowestDescriptor = backend == .select ? 960 : 2000 + 20 * CInt(Backend.all.firstIndex(of: backend)!)
        let kernel = CountingKernel(high)
        try withLoop(backend, kernel: kernel) { loop in
            let (address, recorders, _) = try loop.listenRecording()
            var clients = [try TestClient(address), try TestClient(address)]
            try loop.run { recorders.all.count == 2 }
            let old = recorders.all
            var reused = false
            for index in 0..<2 {
                old[index].onReceived = { _, _ in
                    // The other one's event was found in the same wait, and its number is taken at once.
                    guard let other = old[1 - index].connection, !other.isClosed else { return }
                    other.abort()
                }
                old[index].onClosed = { _, _ in if let new = try? TestClient(address) { clients.append(new) } }
            }
            for client in clients { client.send("old") }
            try loop.run { recorders.all.count == 3 }
            try loop.run(for: .milliseconds(10))
            reused = Set(kernel.accepted).count < kernel.accepted.count
            #expect(reused, "the number was used again")
            #expect(recorders.all[2].calls == ["connected"])
            #expect(old.filter(\.isClosed).count == 1)
            #expect(kernel.faults.isEmpty)
        }
    }

    /// libuv 1099. Without deregistering first, the duplicate stays in the epoll set, and nobody can take it out.
    @Test(arguments: Backend.all) func r03_aDuplicateOfAClosedDescriptorDoesNotSpin(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let (client, recorder) = try loop.accepted()
            let duplicate = dup(recorder.connection!.fileDescriptor!.rawValue)
            defer { close(duplicate) }
            recorder.connection!.abort()
            try loop.run { recorder.isClosed }
            client.send("x")
            client.finish()
            let waits = kernel.waits
            try loop.run(for: .milliseconds(500))
            #expect(kernel.waits - waits <= 2)
            #expect(loop.statistics.staleEvents == 0)
        }
    }

    /// bun 37928.
    @Test(arguments: Backend.all) func r04_pausedReaderAndResetDoesNotSpinAndReportsTheClose(_ backend: Backend) throws
    {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let (client, recorder) = try loop.accepted { $0.onConnected = { $0.pauseReading() } }
            client.send("unread")
            try loop.run(for: .milliseconds(5))
            let waits = kernel.waits
            client.reset()
            // Where the selector does not tell, the connection is looked at every second.
            try loop.run(for: .milliseconds(loop.capabilities.reportsHangUp ? 300 : 1100))
            #expect(kernel.waits - waits <= 3)
            #expect(recorder.isClosed)
            #expect(recorder.reason?.kind == .failed)
            #expect((recorder.reason?.error as? SocketError)?.errno == .connectionReset)
            #expect(recorder.calls == ["connected", "closed"])
        }
    }

    /// The same with a peer that only ends its stream: level-triggered, an ignored end wakes up for ever.
    @Test(arguments: Backend.all) func r04_pausedReaderAndEndDoesNotSpin(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let (client, recorder) = try loop.accepted { $0.onConnected = { $0.pauseReading() } }
            let (other, finished) = try loop.accepted { recorder in
                recorder.onConnected = {
                    $0.closeWrite()
                    $0.pauseReading()
                }
            }
            try loop.run(for: .milliseconds(5))
            client.close()
            other.finish()  // both directions are over: a hang-up that cannot be masked
            let waits = kernel.waits
            try loop.run(for: .milliseconds(500))
            #expect(kernel.waits - waits <= 5)
            for recorder in [recorder, finished] where !recorder.isClosed { recorder.connection!.resumeReading() }
            try loop.run { recorder.isClosed && finished.isClosed }
            #expect(recorder.calls == ["connected", "ended", "closed"])
            #expect(finished.calls == ["connected", "ended", "closed"])
        }
    }

    /// A half-closed connection whose handler goes on: nothing more can come but a reset.
    @Test(arguments: Backend.all) func r04_halfClosedPeerThatResetsIsNoticedWithoutASpin(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let (client, recorder) = try loop.accepted { $0.onEnded = nil }
            client.finish()
            try loop.run { recorder.calls.last == "ended" }
            let waits = kernel.waits
            try loop.run(for: .milliseconds(300))
            #expect(kernel.waits - waits <= 2)
            recorder.connection!.write("unread")
            try loop.turn(mayWait: false)
            client.reset()
            try loop.run(within: .seconds(3)) { recorder.isClosed }
            #expect(recorder.reason?.kind == .failed)
        }
    }

    /// libevent 616.
    @Test(arguments: Backend.all) func r09_closeAfterEightMebibytesDeliversThemAllAndAbortResets(
        _ backend: Backend
    ) throws {
        try withLoop(backend) { loop in
            let size = 8 << 20
            var limits = Limits()
            limits.sendBuffer = 64 * 1024
            limits.outputLimit = size * 2
            for aborts in [false, true] {
                let (client, recorder) = try loop.accepted(limits: limits) { recorder in
                    recorder.onReceived = { _, connection in
                        connection.write(pattern(size))
                        if aborts { connection.abort() } else { connection.close() }
                        #expect(connection.write("too late") == .closed)
                    }
                }
                client.send("x")
                try loop.run { client.drain() }
                if aborts {
                    #expect(client.ending == .failed(ECONNRESET))
                } else {
                    #expect(client.received == pattern(size) && client.ending == .end)
                    client.finish()
                }
                try loop.run { recorder.isClosed }
                #expect(recorder.reason?.kind == (aborts ? .aborted : .closed))
            }
        }
    }

    /// libevent 689.
    @Test(arguments: Backend.all) func r10_everyCallbackMayCloseEverything(_ backend: Backend) throws {
        for callback in ["connected", "received", "ended", "drained", "closed", "factory"] {
            let kernel = CountingKernel()
            let loop = try EventLoop(backend: backend, kernel: kernel)
            var limits = Limits()
            limits.sendBuffer = 4096
            limits.outputHighWatermark = 1000
            limits.outputLowWatermark = 500
            var listener: Listener?
            var all: [Recorder] = []
            var happened = false
            func destroy(_ connection: Connection?) {
                if happened { return }
                happened = true
                connection?.write("last")
                connection?.closeWrite()
                connection?.close()
                connection?.abort()
                for recorder in all { recorder.connection?.abort() }
                listener?.close()
                loop.stop()
            }
            listener = try loop.listen(on: .loopback(port: 0), limits: limits) { connection in
                let recorder = Recorder()
                all.append(recorder)
                recorder.onConnected = { if callback == "connected" { destroy($0) } }
                recorder.onReceived = { _, connection in
                    if callback == "received" { destroy(connection) }
                    if callback == "drained" { connection.write(pattern(300_000)) }
                    if callback == "closed" { connection.close() }
                }
                recorder.onEnded = { if callback == "ended" { destroy($0) } }
                recorder.onDrained = { if callback == "drained" { destroy($0) } }
                recorder.onClosed = { connection, _ in if callback == "closed" { destroy(connection) } }
                if callback == "factory" && all.count == 2 { destroy(connection) }
                return recorder
            }
            let clients = try (0..<4).map { _ in try TestClient(listener!.address) }
            for client in clients {
                client.send("x")
                if callback == "ended" { client.finish() }
            }
            let drainer = loop.schedule(after: .zero, repeating: .milliseconds(1)) {
                for client in clients { client.drain() }
            }
            loop.schedule(after: .seconds(5)) {
                Issue.record("\(callback) did not come")
                loop.stop()
            }
            try loop.run()
            _ = drainer
            #expect(happened)
            #expect(all.allSatisfy { !$0.calls.contains { $0.hasPrefix("!") } }, "\(callback): \(all.map(\.calls))")
            #expect(all.allSatisfy { $0.isClosed })
            #expect(kernel.open.isEmpty && kernel.faults.isEmpty, "\(callback)")
        }
    }

    /// hiredis 1229.
    @Test(arguments: Backend.all) func r17_writingToAPeerThatIsGoneIsAnErrorAndNoSignal(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted { $0.onConnected = { $0.pauseReading() } }
            client.reset()
            for _ in 0..<5 {
                recorder.connection?.write(pattern(100_000))
                try loop.run(for: .milliseconds(2))
            }
            try loop.run { recorder.isClosed }
            #expect(recorder.reason?.kind == .failed)
            let errno = (recorder.reason?.error as? SocketError)?.errno
            #expect(errno == .connectionReset || errno == .brokenPipe)
        }
    }

    /// wrk 179.
    @Test(arguments: Backend.all) func r20_theEndComesOnceAndAHalfClosedPeerIsAnswered(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onEnded = { connection in
                    connection.write(pattern(2_000_000).prefix(900_000).map { $0 })
                    connection.close()
                }
            }
            client.send("question")
            client.finish()
            try loop.run { client.drain() }
            #expect(client.received == pattern(900_000) && client.ending == .end)
            try loop.run { recorder.isClosed }
            #expect(recorder.calls == ["connected", "received", "ended", "closed"])
            #expect(recorder.reason?.kind == .ended)
        }
    }
}
