// What a loop says about itself: slow callbacks, statistics, errors at its start.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

/// Keeps the thread busy without the loop's clock.
private func work(for time: Duration) {
    let end = ContinuousClock.now + time
    while ContinuousClock.now < end {}
}

@Suite(.timeLimit(.minutes(20))) struct LoopReportTests {
    @Test(arguments: Backend.all) func aSlowCallbackIsReportedByItsName(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var reports: [LoopReport] = []
            loop.onReport = { reports.append($0) }
            loop.slowCallbackThreshold = .milliseconds(15)
            let (client, _) = try loop.accepted { $0.onReceived = { _, _ in work(for: .milliseconds(30)) } }
            client.send("x")
            try loop.run { loop.statistics.receives == 1 }
            let report = try #require(reports.first)
            #expect(report.kind == .slowCallback)
            #expect(report.description.contains("Recorder"))
            #expect(loop.statistics.slowCallbacks >= 1)
            // Another within the second is counted, not reported.
            client.send("y")
            try loop.run { loop.statistics.receives == 2 }
            #expect(loop.statistics.slowCallbacks >= 2)
            #expect(reports.count == 1)
        }
    }

    @Test func timersTasksAndWatchesAreJudgedToo() throws {
        try withLoop(.epoll()) { loop in
            loop.slowCallbackThreshold = .milliseconds(5)
            let pair = Pair.pipe()
            loop.schedule(after: .zero) { work(for: .milliseconds(8)) }
            try loop.turn()
            loop.execute { work(for: .milliseconds(8)) }
            try loop.turn()
            try loop.watch(pair.first, for: .readable) { _ in
                pair.first.takeAll()
                work(for: .milliseconds(8))
            }
            pair.second.put("x")
            try loop.turn()
            #expect(loop.statistics.slowCallbacks >= 3)
        }
    }

    @Test(arguments: Backend.all) func statisticsAddUp(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        let loop = try EventLoop(backend: backend, kernel: kernel)
        let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
        let clients = try (0..<5).map { _ in try TestClient(listener.address) }
        for client in clients { client.send("12345") }
        try loop.run { clients.allSatisfy { $0.drain() || $0.received.count == 5 } }
        #expect(loop.statistics.connectionsOpened == 5)
        #expect(loop.statistics.bytesReceived == 25 && loop.statistics.bytesSent == 25)
        #expect(loop.statistics.receives == 5 && loop.statistics.sends == 5)
        #expect(loop.statistics.turns == kernel.waits)
        #expect(loop.statistics.events >= 6 && loop.statistics.staleEvents == 0)
        loop.shutdown()
        #expect(loop.statistics.connectionsClosed == 5)
    }

    @Test(arguments: Backend.all) func whatCannotStartSaysWhyAndLeavesNothing(_ backend: Backend) throws {
        // What the loop itself needs: an eventfd, and epoll a descriptor of its own.
        let needed = backend.description.hasPrefix("epoll") ? 2 : 1
        for limit in 0...needed {
            let kernel = CountingKernel()
            kernel.limit = limit
            let error = #expect(throws: SocketError.self) { try startListening(backend, kernel) }
            #expect(error?.errno == .tooManyOpenFiles)
            #expect(error?.description.contains("ulimit -n") == true)
            #expect(kernel.open.isEmpty && kernel.faults.isEmpty)
        }
    }

    private func startListening(_ backend: Backend, _ kernel: CountingKernel) throws {
        try withLoop(backend, kernel: kernel) { loop in _ = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() } }
    }

    @Test(arguments: Backend.all) func anAddressInUseIsNamed(_ backend: Backend) throws {
        let kernel = CountingKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
            let before = kernel.open
            let error = #expect(throws: SocketError.self) {
                _ = try loop.listen(on: listener.address) { _ in EchoHandler() }
            }
            #expect(error?.errno == .addressInUse && error?.operation == .listen)
            #expect(error?.description.contains("\(listener.address)") == true)
            #expect(kernel.open == before)
            #expect(throws: SocketError.self) { _ = try loop.listen(on: "192.0.2.1:0") { _ in EchoHandler() } }
            #expect(throws: SocketError.self) { _ = try loop.listen(on: "nonsense") { _ in EchoHandler() } }
            #expect(kernel.open == before)
        }
    }

    /// Out of memory in the wait itself: nothing is lost, and the loop goes on.
    @Test(arguments: Backend.all) func aWaitThatFailsForLackOfMemoryIsTriedAgain(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            kernel.fail(.wait, with: .noMemory, times: 5)
            var fired = false
            loop.schedule(after: .milliseconds(1)) { fired = true }
            try loop.run { fired }
            kernel.fail(.wait, with: .invalidArgument)
            #expect(throws: SocketError.self) { try loop.turn() }
        }
    }
}
