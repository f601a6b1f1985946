// Tasks from this thread and from others, stopping, and what callbacks may do to their loop.

import Glibc
import Reactor
import ReactorTesting
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct TaskTests {
    @Test(arguments: Backend.all) func tasksOfOneThreadRunInOrder(_ backend: Backend) throws {
        let loop = try EventLoop(backend: backend)
        let order = Mutex<[Int]>([])
        let handle = loop.handle
        let thread = TestThread {
            for number in 0..<5000 { handle.execute { _ in order.withLock { $0.append(number) } } }
            handle.stop()
        }
        try loop.run()
        thread.join()
        #expect(order.withLock { $0 } == Array(0..<5000))
    }

    /// `execute` answers `true` if and only if the task runs, also while the loop ends.
    @Test(arguments: Backend.all) func noTaskIsLostWhileTheLoopShutsDown(_ backend: Backend) throws {
        let loop = try EventLoop(backend: backend)
        let (taken, run) = (Counter(), Counter())
        let handle = loop.handle
        let threads = (0..<8).map { number in
            TestThread {
                for count in 0..<20_000 {
                    if handle.execute({ _ in run.add() }) { taken.add() }
                    if number == 0 && count == 10_000 { handle.stop() }
                }
            }
        }
        try loop.run()
        for thread in threads { thread.join() }
        #expect(taken.value == run.value)
        #expect(taken.value >= 10_001)
        #expect(!handle.execute { _ in }, "the loop has ended")
        #expect(!handle.stop())
    }

    @Test(arguments: Backend.all) func aSleepingLoopIsWokenAtOnce(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        let loop = try EventLoop(backend: backend, kernel: kernel)
        let handle = loop.handle
        let count = Counter()
        // Each task is given from another thread when the one before has run: a lost wake-up would hang here.
        let thread = TestThread {
            for number in 1...2000 {
                handle.execute { _ in count.add() }
                while count.value < number { sched_yield() }
            }
            handle.stop()
        }
        let guardTimer = loop.schedule(after: .seconds(20)) { loop.stop() }
        try loop.run()
        #expect(count.value == 2000)
        _ = guardTimer
        thread.join()
    }

    @Test func aTaskGivenInATaskRunsInTheNextTurn() throws {
        try withLoop(.epoll()) { loop in
            var turns: [Int] = []
            loop.execute {
                turns.append(loop.statistics.turns)
                loop.execute { turns.append(loop.statistics.turns) }
            }
            try loop.run { turns.count == 2 }
            #expect(turns[1] == turns[0] + 1)
        }
    }

    @Test func aStormOfTasksLeavesRoomForOthers() throws {
        try withLoop(.epoll()) { loop in
            var order: [Int] = []
            for number in 0..<5000 { loop.execute { order.append(number) } }
            try loop.turn()
            #expect(order.count > 0 && order.count < 5000, "one turn has a budget")
            var waited = false
            loop.schedule(after: .zero) { waited = true }
            try loop.turn()
            #expect(waited && order.count < 5000)
            try loop.run { order.count == 5000 }
            #expect(order == Array(0..<5000))
        }
    }

    @Test(arguments: Backend.all) func stopEndsTheLoopFromEveryCallback(_ backend: Backend) throws {
        let starters: [(EventLoop) throws -> Void] = [
            { loop in loop.schedule(after: .zero) { loop.stop() } },
            { loop in loop.execute { loop.stop() } },
            { loop in loop.handle.stop() },
            { loop in loop.stop() },
        ]
        for start in starters {
            let loop = try EventLoop(backend: backend)
            try start(loop)
            try loop.run()
            #expect(loop.isShutDown)
            loop.shutdown()  // again: nothing
        }
    }

    @Test(arguments: Backend.all) func whenTheLoopEndsEverybodyIsTold(_ backend: Backend) throws {
        let kernel = CountingKernel()
        let loop = try EventLoop(backend: backend, kernel: kernel)
        let pair = Pair.pipe()
        try loop.watch(pair.first, for: .readable) { _ in }
        let (address, recorders, _) = try loop.listenRecording { recorder in
            recorder.onClosed = { connection, _ in
                connection.write("too late")
                connection.close()
                loop.stop()
                #expect(throws: SocketError.self) { try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() } }
            }
        }
        let clients = try (0..<10).map { _ in try TestClient(address) }
        var connecting: Connector?
        try loop.run { recorders.all.count == 10 }
        connecting = try loop.connect(to: address, handler: { _ in EchoHandler() }, failed: { _ in })
        loop.schedule(after: .seconds(3)) {}
        loop.shutdown()
        #expect(recorders.all.allSatisfy { $0.reason?.kind == .loopEnded })
        #expect(recorders.all.allSatisfy { $0.calls == ["connected", "closed"] })
        #expect(kernel.open.isEmpty && kernel.faults.isEmpty)
        connecting?.cancel()
        #expect(clients.allSatisfy { $0.drain() })
    }
}

/// Counts on many threads.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    func add() { count.add(1, ordering: .sequentiallyConsistent) }
    var value: Int { count.load(ordering: .sequentiallyConsistent) }
}
