// Messages and their boundaries in the simulated world, where the network cuts the stream as it likes.

import Demos
import Reactor
import ReactorTesting
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct FramingTests {
    private static let messages = ["hello", "", "how are you?", String(repeating: "x", count: 5000), "fine"]
        .map { Array($0.utf8) }

    private static func attempt(
        _ plan: FramingPlan, seed: UInt64 = 1, faults: Faults = .none, _ backend: Backend = .epoll()
    ) throws -> FramingResult {
        let world = try Simulation(seed: seed, faults: faults, backend: backend)
        var results: [Result<FramingResult, SocketError>] = []
        let experiment = FramingExperiment(plan, on: world.loop) { results.append($0) }
        try experiment.begin()
        try world.run { !results.isEmpty }
        try world.check()
        #expect(results.count == 1)
        return try results[0].get()
    }

    @Test(arguments: Backend.all) func framedTheyArriveAsTheyWereSent(_ backend: Backend) throws {
        for seed in 0..<5 as Range<UInt64> {
            for framing in [FramingMethod.lines, .length] {
                for delivery in [FramingDelivery.readLate, .cut(every: 1000)] {
                    let plan = FramingPlan(Self.messages, framing, delivery)
                    let result = try Self.attempt(plan, seed: seed, faults: Self.faults, backend)
                    #expect(result.isAsSent, "seed \(seed), \(framing), \(delivery)")
                }
            }
        }
    }

    @Test(arguments: Backend.all) func rawTheirBytesArriveAndNothingElse(_ backend: Backend) throws {
        for seed in 0..<5 as Range<UInt64> {
            for delivery in [FramingDelivery.readLate, .cut(every: 1000)] {
                let plan = FramingPlan(Self.messages, .raw, delivery)
                let result = try Self.attempt(plan, seed: seed, faults: Self.faults, backend)
                #expect(Array(result.receives.joined()) == Array(Self.messages.joined()), "seed \(seed), \(delivery)")
                #expect(!result.isAsSent && result.messages == result.receives)
            }
        }
    }

    /// Short and late transfers, but a connect that works: the experiment has no second one.
    private static var faults: Faults {
        var faults = survivableFaults
        faults.outOfMemory = 0
        return faults
    }

    @Test func nothingToSendIsNoReasonToHang() throws {
        for delivery in [FramingDelivery.readLate, .cut(every: 7)] {
            let result = try Self.attempt(FramingPlan([[], []], .raw, delivery))
            #expect(result.receives.isEmpty && result.messages.isEmpty && !result.isAsSent)
        }
    }

    @Test func whatAFramingCannotCarryIsKnownBefore() {
        let messages = ["a", "a\nb"].map { Array($0.utf8) }
        #expect(FramingPlan(messages, .lines, .readLate).unsendable == 2)
        #expect(FramingPlan([Array("a\r".utf8)], .lines, .readLate).unsendable == 1)
        #expect(FramingPlan(messages, .length, .readLate).unsendable == nil)
        #expect(FramingPlan(messages, .raw, .readLate).unsendable == nil)
    }

    @Test func theDrawingShowsWhereMessagesEnd() throws {
        let messages = ["hello", "", "sixteen and more bytes"].map { Array($0.utf8) }
        #expect(
            FramingDrawing.wire(FramingPlan(messages, .length, .readLate)) == [
                "  message 1   [00 00 00 05]68 65 6c 6c 6f                       ....hello",
                "  message 2   [00 00 00 00]                                     ....",
                "  message 3   [00 00 00 16]73 69 78 74 65 65 6e 20 61 6e 64 20  ....sixteen and ",
                "               6d 6f 72 65 20 62 79 74 65 73                    more bytes",
            ])
        #expect(
            FramingDrawing.wire(FramingPlan([Array("é\u{1b}".utf8)], .lines, .readLate)) == [
                "  message 1    c3 a9 1b[0a]                                     ...."
            ])
        #expect(FramingDrawing.messages([[]]) == ["  message 1    (no bytes)"])
    }
}
