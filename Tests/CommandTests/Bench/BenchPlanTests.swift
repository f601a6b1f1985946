// What a bench is asked for, and what its findings look like, without running it.

import ArgumentParser
import Reactor
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct BenchPlanTests {
    @Test func theFullBench() throws {
        let plan = try Self.plan()
        #expect(plan.backends.map(\.description) == ["select", "poll", "epoll-lt", "epoll-et"])
        #expect(
            plan.scenarios.map(\.description) == ["1", "64", "500", "100", "100+1000", "100+5000", "100+10000"])
        #expect(plan.rounds == 3)
        #expect(plan.duration == .seconds(2))
        #expect(plan.patience == nil && plan.leftOut == nil)
    }

    @Test func theQuickOneSaysWhatItLeftOut() throws {
        let plan = try Self.plan("--quick")
        #expect(plan.rounds == 1)
        #expect(plan.leftOut != nil)
        // The sending alone leaves room for the rest.
        #expect(plan.duration * plan.samples < .seconds(30))
        #expect(try #require(plan.patience) < .seconds(50))
    }

    @Test func whatIsAskedForCounts() throws {
        let plan = try Self.plan(
            "--quick", "--backends", "poll,select,poll", "--scenarios", "3,2+10", "--rounds", "2", "--duration", "50ms")
        #expect(plan.backends == [.poll, .select])
        #expect(plan.scenarios == [BenchScenario(active: 3), BenchScenario(active: 2, idle: 10)])
        #expect(plan.samples == 8)
        #expect(plan.duration == .milliseconds(50))
    }

    @Test(arguments: ["", "x", "1+", "+1", "1+2+3", "-1", "0", "1+-1", "99999999999999999999", "1 ", "２"])
    func malformedScenarios(_ text: String) {
        #expect(throws: ValidationError.self) { try BenchScenario(text) }
    }

    @Test func obstacles() {
        let small = BenchScenario(active: 500)
        let large = BenchScenario(active: 100, idle: 10_000)
        #expect(BenchPlan.obstacle(to: small, descriptorLimit: 1024, descriptors: 20_000) == nil)
        #expect(
            BenchPlan.obstacle(to: large, descriptorLimit: 1024, descriptors: 20_000) == "limited to 1,024 descriptors")
        #expect(BenchPlan.obstacle(to: large, descriptorLimit: nil, descriptors: 20_000) == nil)
        #expect(
            BenchPlan.obstacle(to: large, descriptorLimit: nil, descriptors: 4096)
                == "needs 10,132 descriptors, 'ulimit -n' is 4,096")
    }

    @Test func lists() throws {
        #expect(BenchMachine.parseList("0-3,8") == [0, 1, 2, 3, 8])
        #expect(BenchMachine.parseList("5") == [5])
        for text in ["", "x", "3-1", "1-2-3"] { #expect(BenchMachine.parseList(text) == nil) }
    }

    @Test func groups() {
        #expect(
            [0, 7, 999, 1_000, 1_234_567, -1_000].map(\.grouped) == ["0", "7", "999", "1,000", "1,234,567", "-1,000"])
    }

    private static func plan(_ arguments: String...) throws -> BenchPlan {
        try BenchTableCommand.parse(arguments).makePlan()
    }
}
