// Blocking work on real threads: results, errors, a full queue, cancelling, and both ends, of the pool and of the loop.

import Glibc
import Reactor
import Synchronization
import SystemPackage
import Testing

/// Keeps work busy until it is opened.
private final class Gate: Sendable {
    private let isOpen = Atomic(false)
    private let inside = Atomic(0)

    var count: Int { inside.load(ordering: .sequentiallyConsistent) }
    func open() { isOpen.store(true, ordering: .sequentiallyConsistent) }
    func pass() {
        inside.add(1, ordering: .sequentiallyConsistent)
        while !isOpen.load(ordering: .sequentiallyConsistent) { sched_yield() }
    }
}

@Suite(.timeLimit(.minutes(20))) struct OffloadTests {
    private struct Failure: Error, Equatable { let number: Int }

    @Test(arguments: Backend.all) func workRunsElsewhereAndItsResultIsToldOnTheLoop(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let here = UInt(pthread_self())
            var results: [Int] = []
            var failures: [Failure] = []
            for number in 0..<100 {
                try loop.offload { () throws -> Int in
                    #expect(UInt(pthread_self()) != here)
                    if number % 10 == 0 { throw Failure(number: number) }
                    return number
                } then: { result in
                    #expect(UInt(pthread_self()) == here)
                    switch result {
                    case .success(let number): results.append(number)
                    case .failure(let error): if let failure = error as? Failure { failures.append(failure) }
                    }
                }
            }
            try loop.run { results.count + failures.count == 100 }
            #expect(results.sorted() == (0..<100).filter { $0 % 10 != 0 })
            #expect(failures.count == 10)
        }
    }

    @Test func aFullQueueIsToldAtOnceAndThreadsAreBounded() throws {
        let pool = ThreadPool(threads: 2, queueLimit: 3)
        defer { pool.shutdown() }
        let gate = Gate()
        defer { gate.open() }
        try withLoop(.epoll()) { loop in
            loop.workers = pool
            #expect(pool.threadCount == 0, "no thread before there is work")
            var told = 0
            for number in 1...2 {
                try loop.offload {
                    gate.pass()
                } then: { _ in
                    told += 1
                }
                try loop.run { gate.count == number }
            }
            for _ in 0..<3 {
                try loop.offload {
                    gate.pass()
                } then: { _ in
                    told += 1
                }
            }
            #expect(throws: OffloadError.queueFull) {
                try loop.offload {
                } then: { _ in
                    Issue.record("told twice")
                }
            }
            #expect(pool.threadCount == 2)
            #expect(pool.waitingCount == 3)
            gate.open()
            try loop.run { told == 5 }
            try loop.offload {
            } then: { _ in
                told += 1
            }
            try loop.run { told == 6 }
            #expect(pool.threadCount == 2)
        }
    }

    @Test func anIdleThreadIsUsedAgain() throws {
        let pool = ThreadPool(threads: 8)
        defer { pool.shutdown() }
        try withLoop(.poll) { loop in
            loop.workers = pool
            var told = 0
            for number in 1...50 {
                try loop.offload {
                } then: { _ in
                    told += 1
                }
                try loop.run { told == number }
            }
            #expect(pool.threadCount < 8, "\(pool.threadCount) threads for one piece of work at a time")
        }
    }

    @Test func workThatHasNotBegunCanBeCancelled() throws {
        let pool = ThreadPool(threads: 1, queueLimit: 1)
        defer { pool.shutdown() }
        let gate = Gate()
        defer { gate.open() }
        try withLoop(.epoll()) { loop in
            loop.workers = pool
            var outcomes: [String] = []
            let first = try loop.offload {
                gate.pass()
            } then: { _ in
                outcomes.append("first")
            }
            try loop.run { gate.count == 1 }
            let second = try loop.offload {
                Issue.record("cancelled work was done")
            } then: { result in
                guard case .failure(let error) = result, error as? OffloadError == .cancelled else { return }
                outcomes.append("second")
            }
            #expect(!first.cancel(), "it has begun")
            #expect(second.cancel())
            #expect(!second.cancel(), "once")
            #expect(outcomes.isEmpty, "nothing is told inside cancel")
            #expect(pool.waitingCount == 0, "its place is free")
            try loop.run { outcomes == ["second"] }
            gate.open()
            try loop.run { outcomes == ["second", "first"] }
        }
    }

    @Test func aPoolThatEndsWaitsForWhatHasBegunAndDropsTheRest() throws {
        let pool = ThreadPool(threads: 1)
        let gate = Gate()
        try withLoop(.epoll()) { loop in
            loop.workers = pool
            var outcomes: [String] = []
            for number in 0..<3 {
                try loop.offload {
                    gate.pass()
                    return number
                } then: { (result: Result<Int, any Error>) in
                    switch result {
                    case .success(let number): outcomes.append("\(number)")
                    case .failure(let error): outcomes.append("\(error)")
                    }
                }
            }
            try loop.run { gate.count == 1 }
            let opener = TestThread {
                while pool.waitingCount > 0 { sched_yield() }
                gate.open()
            }
            pool.shutdown()
            opener.join()
            #expect(throws: OffloadError.poolEnded) {
                try loop.offload {
                } then: { _ in
                }
            }
            try loop.run { outcomes.count == 3 }
            #expect(outcomes.sorted() == (["0"] + Array(repeating: "\(OffloadError.poolEnded)", count: 2)).sorted())
            pool.shutdown()
        }
    }

    /// Both with its own pool and with one that others use too.
    @Test(arguments: [true, false]) func aLoopThatEndsTellsAllOfItsWorkOnce(_ isShared: Bool) throws {
        let pool = ThreadPool(threads: 1)
        defer { pool.shutdown() }
        let loop = try EventLoop()
        if isShared { loop.workers = pool } else { loop.workers = ThreadPoolOfOne() }
        let gate = Gate()
        var told: [Int: String] = [:]
        for number in 0..<5 {
            try loop.offload {
                gate.pass()
            } then: { result in
                if case .failure(let error) = result { told[number, default: ""] += "\(error)" }
                if case .success = result { told[number, default: ""] += "done" }
            }
        }
        try loop.run { gate.count == 1 }
        gate.open()
        loop.shutdown()
        #expect(told.count == 5)
        #expect(told[0] == "done")
        for outcome in told.values { #expect(["done", "\(OffloadError.loopEnded)"].contains(outcome)) }
        #expect(throws: OffloadError.loopEnded) {
            try loop.offload {
            } then: { _ in
            }
        }
        if !isShared { (loop.workers as? ThreadPoolOfOne)?.pool.shutdown() }
    }

    @Test func aLoopEndsThePoolThatItMadeForItself() throws {
        let loop = try EventLoop()
        var told = 0
        for _ in 0..<10 {
            try loop.offload {
                sched_yield()
            } then: { _ in
                told += 1
            }
        }
        let pool = try #require(loop.workers as? ThreadPool)
        #expect((1...4).contains(pool.threadCount))
        loop.shutdown()
        #expect(told == 10)
        #expect(pool.threadCount == 0)
    }

    @Test func onePoolServesSeveralLoops() throws {
        let pool = ThreadPool(threads: 2)
        defer { pool.shutdown() }
        let total = Atomic(0)
        let threads = (0..<3).map { _ in
            TestThread {
                guard let loop = try? EventLoop() else { return }
                loop.workers = pool
                for _ in 0..<50 {
                    _ = try? loop.offload {
                        1
                    } then: { (result: Result<Int, any Error>) in
                        total.add((try? result.get()) ?? 0, ordering: .relaxed)
                    }
                }
                let end = total.load(ordering: .relaxed) + 1
                try? loop.run { total.load(ordering: .relaxed) >= end }
                loop.shutdown()
            }
        }
        for thread in threads { thread.join() }
        #expect(total.load(ordering: .relaxed) > 0)
    }
}

/// A pool that is not the loop's own.
private final class ThreadPoolOfOne: WorkScheduler {
    let pool = ThreadPool(threads: 1)

    func submit(_ work: OffloadedWork) throws(OffloadError) { try pool.submit(work) }
    func withdraw(_ work: OffloadedWork) { pool.withdraw(work) }
    func wait(for work: OffloadedWork, within time: Duration) -> Bool { pool.wait(for: work, within: time) }
}
