// Timers, as a loop offers them and as the queue keeps them.

import ReactorTesting
import SystemPackage
import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(20))) struct TimerTests {
    @Test(arguments: Backend.all) func timersFireInTheOrderOfTheirDeadlines(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var fired: [Int] = []
            for milliseconds in [9, 3, 6, 0, 12] {
                loop.schedule(after: .milliseconds(milliseconds)) { fired.append(milliseconds) }
            }
            try loop.run { fired.count == 5 }
            #expect(fired == [0, 3, 6, 9, 12])
        }
    }

    @Test(arguments: Backend.all) func aTimerIsNeverEarly(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let start = kernel.now()
            var end: MonotonicTime?
            loop.schedule(after: .microseconds(7_300)) { end = kernel.now() }
            while end == nil { try loop.turn() }
            #expect(end!.nanoseconds - start.nanoseconds >= 7_300_000)
            #expect(kernel.waits <= 3, "the wait takes the deadline itself")
        }
    }

    @Test func equalDeadlinesFireInTheOrderInWhichTheyWereSet() {
        let queue = TimerQueue()
        var fired: [Int] = []
        let moment = MonotonicTime(nanoseconds: 5)
        for number in 0..<100 { _ = queue.schedule(at: moment, .call { fired.append(number) }) }
        let mark = queue.mark
        while case .call(let action)? = queue.takeDue(at: moment, before: mark) { action() }
        #expect(fired == Array(0..<100))
        #expect(queue.count == 0)
    }

    @Test func aCancelledTimerDoesNotFireAndItsHandleStaysHarmless() throws {
        try withLoop(.epoll()) { loop in
            var fired: [String] = []
            let first = loop.schedule(after: .zero) { fired.append("first") }
            loop.schedule(after: .zero) { fired.append("second") }
            #expect(loop.cancel(first))
            #expect(!loop.cancel(first))
            try loop.turn()
            #expect(fired == ["second"])
            let third = loop.schedule(after: .zero) { fired.append("third") }  // may have the slot of the first
            #expect(!loop.cancel(first))
            try loop.turn()
            #expect(fired == ["second", "third"])
            #expect(!loop.cancel(third))
            #expect(loop.timerCount == 0)
        }
    }

    @Test func aTimerCancelledByAnotherOfTheSameTurnDoesNotFire() throws {
        try withLoop(.epoll()) { loop in
            var fired: [String] = []
            var victim: LoopTimer?
            loop.schedule(after: .zero) {
                fired.append("killer")
                #expect(loop.cancel(victim!))
            }
            victim = loop.schedule(after: .zero) { fired.append("victim") }
            try loop.run { loop.timerCount <= 1 }
            #expect(fired == ["killer"])
        }
    }

    @Test func aPeriodicTimerCancelsItself() throws {
        try withLoop(.epoll()) { loop in
            var count = 0
            var timer: LoopTimer?
            timer = loop.schedule(after: .zero, repeating: .microseconds(100)) {
                count += 1
                if count == 3 { #expect(loop.cancel(timer!)) }
            }
            try loop.run { count == 3 }
            try loop.run(for: .milliseconds(5))
            #expect(count == 3)
            #expect(loop.timerCount == 0)
        }
    }

    @Test func aPeriodicTimerNeitherDriftsNorBursts() {
        let queue = TimerQueue()
        let start: Int64 = 1_000_000
        let period: Int64 = 10_000_000
        _ = queue.schedule(at: MonotonicTime(nanoseconds: start), every: period, .nothing)
        var now = start
        for turn: Int64 in 0..<500 {
            now = start + turn * period + 4_000_000  // each callback is 4 ms late
            #expect(queue.takeDue(at: MonotonicTime(nanoseconds: now), before: queue.mark) != nil)
            #expect(queue.soonest() == MonotonicTime(nanoseconds: start + (turn + 1) * period))
        }
        now += 95_000_000  // blocked for nine periods: one firing, then the next multiple
        #expect(queue.takeDue(at: MonotonicTime(nanoseconds: now), before: queue.mark) != nil)
        #expect(queue.takeDue(at: MonotonicTime(nanoseconds: now), before: queue.mark) == nil)
        #expect((queue.soonest()!.nanoseconds - start) % period == 0)
    }

    @Test func aTimerSetInATimerFiresInTheNextTurn() throws {
        try withLoop(.epoll()) { loop in
            var turns: [Int] = []
            loop.schedule(after: .zero) {
                turns.append(loop.statistics.turns)
                loop.schedule(after: .zero) { turns.append(loop.statistics.turns) }
            }
            try loop.run { turns.count == 2 }
            #expect(turns[1] == turns[0] + 1)
        }
    }

    @Test func aMillionTimersAreSetAndCancelled() throws {
        let queue = TimerQueue()
        var seed: UInt64 = 1
        var handles: [LoopTimer] = []
        handles.reserveCapacity(1_000_000)
        for _ in 0..<1_000_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            handles.append(queue.schedule(at: MonotonicTime(nanoseconds: Int64(seed >> 20)), .nothing))
        }
        #expect(queue.count == 1_000_000)
        for (index, handle) in handles.enumerated() where index % 1000 != 0 { queue.cancel(handle) }
        #expect(queue.count == 1000)
        var last = MonotonicTime(nanoseconds: 0)
        var isOrdered = true
        while let soonest = queue.soonest() {
            isOrdered = isOrdered && soonest >= last
            last = soonest
            _ = queue.takeDue(at: .never, before: queue.mark)
        }
        #expect(isOrdered)
        #expect(queue.count == 0)
    }

    @Test func hugeAndNegativeDelaysAreHarmless() throws {
        try withLoop(.epoll()) { loop in
            var fired: [String] = []
            let never = loop.schedule(after: .seconds(Int64.max), repeating: .seconds(Int64.max)) {
                fired.append("never")
            }
            loop.schedule(after: .seconds(-5)) { fired.append("negative") }
            loop.schedule(after: .nanoseconds(1), repeating: .seconds(Int64.max)) { fired.append("once") }
            try loop.run { fired.count == 2 }
            #expect(fired.sorted() == ["negative", "once"])
            #expect(loop.cancel(never))
        }
    }

    /// A timer handle outlives its loop in many an object.
    @Test func cancellingAfterTheLoopHasEndedDoesNothing() throws {
        let loop = try EventLoop()
        let timer = loop.schedule(after: .seconds(1)) {}
        loop.shutdown()
        #expect(!loop.cancel(timer))
    }

    /// Owns a timer and cancels it when it goes, as objects do.
    private final class Owner {
        let loop: EventLoop
        var timer: LoopTimer?
        init(_ loop: EventLoop) { self.loop = loop }
        deinit { if let timer { loop.cancel(timer) } }
    }

    @Test func whatACancelledTimerHeldMayCancelTimersAsItGoes() throws {
        try withLoop(.epoll()) { loop in
            var owner: Owner? = Owner(loop)
            owner?.timer = loop.schedule(after: .seconds(9)) {}
            let holder = loop.schedule(after: .seconds(10)) { [owner] in _ = owner }
            owner = nil
            #expect(loop.cancel(holder))
            #expect(loop.timerCount == 0)
        }
    }

    @Test func whatTimersAndTasksHeldMayUseTheLoopAsItEnds() throws {
        let loop = try EventLoop()
        for _ in 0..<2 {
            let owner = Owner(loop)
            owner.timer = loop.schedule(after: .seconds(9)) { _ = owner }
            let other = Owner(loop)
            other.timer = loop.schedule(after: .seconds(8)) {}
            loop.execute { loop.execute { _ = other } }
        }
        loop.shutdown()
        #expect(loop.timerCount == 0)
    }
}
