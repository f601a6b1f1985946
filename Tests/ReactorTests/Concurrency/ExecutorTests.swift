// The loop as Swift's executor: where jobs run, when, how many at a time, and what becomes of them when the loop ends.

import Glibc
import Reactor
import ReactorTesting
import Synchronization
import Testing

private actor JobCounter {
    private(set) var value = 0
    private(set) var threads: Set<UInt> = []
    func add() {
        value += 1
        threads.insert(thisThread())
    }
}

private actor LoopActor {
    private let executor: LoopSerialExecutor
    private(set) var threads: Set<UInt> = []
    init(_ executor: LoopSerialExecutor) { self.executor = executor }
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    func visit() { threads.insert(thisThread()) }
    nonisolated func visitWithoutWaiting() { assumeIsolated { _ = $0.threads.insert(thisThread()) } }
}

@concurrent private func threadOfAFunction() async -> UInt { thisThread() }

@Suite(.timeLimit(.minutes(20))) struct ExecutorTests {
    @Test(arguments: AsyncWorld.all) func whatATaskCallsRunsOnTheLoopsThread(_ world: AsyncWorld) throws {
        let here = thisThread()
        try world.run { loop in
            #expect(thisThread() == here)
            #expect(await threadOfAFunction() == here)
            async let child = threadOfAFunction()
            #expect(await child == here)
            let ofGroup = await withTaskGroup(of: UInt.self) { group in
                for _ in 0..<10 { group.addTask { await threadOfAFunction() } }
                return await group.reduce(into: Set<UInt>()) { $0.insert($1) }
            }
            #expect(ofGroup == [here])
            let counter = JobCounter()
            for _ in 0..<10 { await counter.add() }
            #expect(await counter.threads == [here])
            #expect(thisThread() == here)
        }
    }

    @Test func anActorOfTheLoopRunsThereWhoeverCallsIt() async throws {
        let (here, actors, elsewhere) = try await onThread {
            let here = thisThread()
            let (result, _) = try AsyncWorld(backend: .epoll(), isSimulated: false).run(limit: .seconds(300)) { loop in
                let actor = LoopActor(loop.serialExecutor)
                // A task of another loop, on another thread.
                async let other = onThread {
                    try EventLoop().run { _ in
                        let before = thisThread()
                        for _ in 0..<100 { await actor.visit() }
                        return (before, thisThread())
                    }
                }
                for _ in 0..<100 { await actor.visit() }
                let (before, after) = try await other
                actor.visitWithoutWaiting()
                return (await actor.threads, Set([before, after]))
            }
            return (here, result.0, result.1)
        }
        #expect(actors == [here])
        #expect(!elsewhere.contains(here))
    }

    @Test(arguments: Backend.all) func jobsFromOtherThreadsAllRunHere(_ backend: Backend) async throws {
        let (here, threads) = try await onThread {
            let here = thisThread()
            let (threads, _) = try AsyncWorld(backend: backend, isSimulated: false).run(limit: .seconds(300)) { loop in
                let executor = loop.executor
                return try await withThrowingTaskGroup(of: Set<UInt>.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await onThread {
                                try EventLoop().run { _ in
                                    var threads: Set<UInt> = []
                                    for _ in 0..<200 {
                                        threads.insert(await Task(executorPreference: executor) { thisThread() }.value)
                                    }
                                    return threads
                                }
                            }
                        }
                    }
                    return try await group.reduce(into: Set<UInt>()) { $0.formUnion($1) }
                }
            }
            return (here, threads)
        }
        #expect(threads == [here])
    }

    /// A task that never waits for anything takes its share of a turn and no more.
    @Test(arguments: Backend.all) func aTaskThatYieldsForEverStarvesNobody(_ backend: Backend) throws {
        let (_, statistics) = try AsyncWorld(backend: backend, isSimulated: false).run { loop in
            let busy = loop.task { _ in while !Task.isCancelled { await Task.yield() } }
            var fired = 0
            loop.schedule(after: .milliseconds(1), repeating: .milliseconds(1)) { fired += 1 }
            try await loop.wait { fired >= 5 }
            busy.cancel()
            try await busy.value
        }
        #expect(statistics.jobsRun > 0)
    }

    @Test func aTurnRunsSoManyJobsAndNoMore() throws {
        let loop = try EventLoop()
        defer { loop.shutdown() }
        let notes = Notes()
        for _ in 0..<5000 { loop.task { _ in notes.add("ran") } }
        try loop.turn()
        let first = notes.all.count
        #expect(first > 0 && first < 5000)
        while notes.all.count < 5000 { try loop.turn() }
    }

    @Test func jobsOfJobsRunInTheSameTurn() throws {
        let loop = try EventLoop()
        defer { loop.shutdown() }
        let notes = Notes()
        loop.task { loop in
            notes.add("\(loop.statistics.turns)")
            loop.task { loop in notes.add("\(loop.statistics.turns)") }
        }
        while notes.all.count < 2 { try loop.turn() }
        #expect(notes.all[1] == notes.all[0])
    }

    @Test func aTaskThatYieldsTakesSoManyRoundsOfATurn() throws {
        let loop = try EventLoop()
        let notes = Notes()
        let busy = loop.task { _ in
            while !Task.isCancelled {
                notes.add("yields")
                await Task.yield()
            }
        }
        try loop.turn(mayWait: false)
        #expect(notes.all.count > 1 && notes.all.count <= 128)
        busy.cancel()
        loop.shutdown()
    }

    // MARK: Time

    @Test func sleepingIsVirtualWhereTimeIs() throws {
        let start = ContinuousClock.now
        try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            let before = loop.now
            try await loop.sleep(for: .seconds(1800))
            let slept = before.duration(to: loop.now)
            #expect(slept >= .seconds(1800) && slept < .seconds(1801))
        }
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test(arguments: AsyncWorld.all) func sleepersWakeInTheOrderOfTheirTimes(_ world: AsyncWorld) throws {
        let notes = Notes()
        try world.run { loop in
            let tasks = [30, 10, 20].map { time in
                loop.task { loop in
                    try await loop.sleep(for: .milliseconds(time))
                    notes.add("\(time)")
                }
            }
            for task in tasks { try await task.value }
        }
        #expect(notes.all == ["10", "20", "30"])
    }

    /// `Task.sleep` uses a thread and a clock of Swift's own, and comes back to the loop.
    @Test func swiftsOwnSleepComesBackToTheLoop() async throws {
        let (slept, before, after) = try await onThread {
            try AsyncWorld(backend: .epoll(), isSimulated: false).run(limit: .seconds(300)) { loop in
                let (start, thread) = (ContinuousClock.now, thisThread())
                try await Task<Never, Never>.sleep(for: .milliseconds(5))
                return (ContinuousClock.now - start, thread, thisThread())
            }.result
        }
        #expect(slept >= .milliseconds(5))
        #expect(before == after)
    }

    @Test(arguments: AsyncWorld.all) func whatIsNotDoneInTimeIsCancelled(_ world: AsyncWorld) throws {
        try world.run { loop in
            let error = await #expect(throws: WaitError.self) {
                try await loop.withDeadline(.milliseconds(10)) { try await loop.sleep(for: .seconds(60)) }
            }
            #expect(error?.kind == .deadline)
            let answer = try await loop.withDeadline(.seconds(60)) {
                try await loop.sleep(for: .milliseconds(1))
                return 42
            }
            #expect(answer == 42)
            await #expect(throws: Sorry.self) { try await loop.withDeadline(.seconds(60)) { throw Sorry() } }
            #expect(loop.timerCount == 1, "only the test's own")
        }
    }

    @Test(arguments: AsyncWorld.all) func cancellingEndsASleep(_ world: AsyncWorld) throws {
        try world.run { loop in
            let sleeper = loop.task { loop in try await loop.sleep(for: .seconds(1000)) }
            try await loop.sleep(for: .milliseconds(1))
            sleeper.cancel()
            let outcome = await sleeper.result
            #expect(throws: WaitError.self) { try outcome.get() }
            #expect(loop.timerCount == 1, "only the test's own")

            // From another thread, and before it sleeps.
            let early = loop.task { loop in try await loop.sleep(for: .seconds(1000)) }
            early.cancel()
            let early2 = await early.result
            #expect(throws: WaitError.self) { try early2.get() }
        }
    }

    // MARK: The end of the loop

    @Test(arguments: AsyncWorld.all) func theEndOfTheLoopEndsThoseWhoWaitForIt(_ world: AsyncWorld) throws {
        let notes = Notes()
        try world.run { loop in
            for number in 0..<3 {
                loop.task { loop in
                    do throws(WaitError) {
                        try await loop.sleep(for: .seconds(1000))
                    } catch {
                        notes.add("\(number) \(error.kind == .loopEnded)")
                    }
                    // Nothing can be waited for any more.
                    await #expect(throws: WaitError.self) { try await loop.sleep(for: .seconds(1)) }
                    await #expect(throws: SocketError.self) { _ = try await loop.connect(to: .loopback(port: 1)) }
                }
            }
            try await loop.sleep(for: .milliseconds(1))
        }
        #expect(notes.all == ["0 true", "1 true", "2 true"])
    }

    /// A task may outlive its loop: it goes on elsewhere, and ends.
    @Test func whatOutlivesItsLoopRunsElsewhere() async throws {
        let (stream, continuation) = AsyncStream<Int>.makeStream()
        let (waiting, executor) = try await onThread {
            let loop = try EventLoop()
            let waiting = loop.task { _ in
                var sum = 0
                for await number in stream { sum += number }
                return sum
            }
            try loop.turn()
            loop.shutdown()
            return (waiting, loop.executor)
        }
        let late = Task(executorPreference: executor) { await threadOfAFunction() }
        continuation.yield(40)
        continuation.yield(2)
        continuation.finish()
        #expect(try await waiting.value == 42)
        _ = await late.value
    }

    @Test func jobsThatComeWhileTheLoopEndsAllRun() async throws {
        for round in 0..<5 {
            let count = 100 + round
            let others = try await onThread {
                let loop = try EventLoop()
                let (executor, handle) = (loop.executor, loop.handle)
                let others = (0..<4).map { number in
                    Task.detached {
                        var ran = 0
                        for step in 0..<count {
                            ran += await Task(executorPreference: executor) { 1 }.value
                            if number == 0 && step == 50 { handle.stop() }
                        }
                        return ran
                    }
                }
                try loop.run()
                return others
            }
            for other in others { #expect(await other.value == count) }
        }
    }
}
