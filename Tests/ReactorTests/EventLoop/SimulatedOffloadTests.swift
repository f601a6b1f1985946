// Blocking work in virtual time: the same run from the same seed, whatever order the work ends in.

import Reactor
import ReactorTesting
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulatedOffloadTests {
    private func order(_ seed: UInt64, _ backend: Backend) throws -> (order: [Int], end: MonotonicTime, digest: UInt64)
    {
        let world = try Simulation(seed: seed, faults: .mild, backend: backend)
        var order: [Int] = []
        for number in 0..<20 {
            try world.loop.offload {
                number
            } then: { result in
                order.append((try? result.get()) ?? -1)
            }
        }
        try world.run { order.count == 20 }
        let digest = world.trace.digest
        let end = world.now
        try world.check()
        return (order, end, digest)
    }

    @Test(arguments: Backend.all) func aSeedDecidesTheOrder(_ backend: Backend) throws {
        let first = try order(7, backend)
        #expect(try order(7, backend) == first)
        #expect(first.order.sorted() == Array(0..<20))
        #expect(try order(8, backend).order != first.order)
        #expect(first.order != Array(0..<20), "work that began later may end earlier")
    }

    @Test func aFullQueueRefusesAndCancellingMakesRoom() throws {
        let world = try Simulation(seed: 1)
        world.workers.count = 1
        world.workers.queueLimit = 1
        var outcomes: [String] = []
        let first = try world.loop.offload {
            "first"
        } then: {
            outcomes.append((try? $0.get()) ?? "dropped")
        }
        let second = try world.loop.offload {
            "second"
        } then: {
            outcomes.append((try? $0.get()) ?? "dropped")
        }
        #expect(throws: OffloadError.queueFull) {
            try world.loop.offload {
            } then: { _ in
            }
        }
        #expect(!first.cancel() && second.cancel())
        try world.loop.offload {
            "third"
        } then: {
            outcomes.append((try? $0.get()) ?? "dropped")
        }
        try world.run { outcomes.count == 3 }
        #expect(outcomes == ["dropped", "first", "third"])
        try world.check()
    }

    @Test(arguments: Backend.all) func theDrainsDeadlineHoldsForWorkToo(_ backend: Backend) throws {
        let world = try Simulation(seed: 3, backend: backend)
        world.loop.resolver = SimulatedResolver()
        world.workers.duration = 10_000_000_000...20_000_000_000
        var outcomes: [OffloadError?] = []
        try world.loop.connect(
            to: "slow.example:80", handler: { _ in EchoHandler() }, failed: { _ in Issue.record("told") })
        try world.loop.offload {
        } then: { result in
            if case .failure(let error) = result {
                outcomes.append(error as? OffloadError)
            } else {
                outcomes.append(nil)
            }
        }
        let start = world.now
        world.loop.drain(within: .seconds(1))
        try world.runToEnd()
        #expect((.milliseconds(999)...(.milliseconds(1010))).contains(start.duration(to: world.now)))
        #expect(outcomes == [.abandoned])
        world.kernel.settle(for: .seconds(30))
        #expect(world.workers.runningCount == 0)
        try world.check()
    }

    @Test func theLoopEndsWithWorkOnItsWay() throws {
        let world = try Simulation(seed: 3)
        world.workers.count = 2
        var outcomes: [Int: Bool] = [:]
        for number in 0..<6 {
            try world.loop.offload {
            } then: { result in
                #expect(outcomes[number] == nil)
                if case .success = result { outcomes[number] = true } else { outcomes[number] = false }
            }
        }
        try world.check()
        #expect(outcomes == [0: true, 1: true, 2: false, 3: false, 4: false, 5: false])
    }
}
