// The worked example of the article "Testing a handler of your own", so that it goes on to be true: the handler as it is
// shown passes without faults, fails at some seed with them, and passes at every seed when it is repaired.

import Reactor
import ReactorTesting
import Testing

/// Sums numbers, a line each. Unless it is repaired, it takes what one call brings for whole lines.
private final class Summing: ConnectionHandler {
    private let isRepaired: Bool
    private var sum = 0
    private var number = 0

    init(isRepaired: Bool) { self.isRepaired = isRepaired }

    func received(_ bytes: RawSpan, on connection: Connection) {
        if !isRepaired { number = 0 }
        for offset in 0..<bytes.byteCount {
            let byte = bytes.byte(at: offset)
            if byte == UInt8(ascii: "\n") {
                sum += number
                number = 0
                connection.write("\(sum)\n")
            } else {
                number = number * 10 + Int(byte - UInt8(ascii: "0"))
            }
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct ArticleTests {
    private func sums(seed: UInt64, shortTransfer: Double, isRepaired: Bool, on backend: Backend) throws {
        var faults = Faults.none
        faults.shortTransfer = shortTransfer
        let world = try Simulation(seed: seed, faults: faults, backend: backend)
        try world.listen { _ in Summing(isRepaired: isRepaired) }
        let client = world.connect()
        client.write("20\n22\n")
        try world.run { client.text == "20\n42\n" }
        try world.check()
    }

    @Test(arguments: Backend.all) func withoutFaultsItPasses(_ backend: Backend) throws {
        try sums(seed: 1, shortTransfer: 0, isRepaired: false, on: backend)
    }

    @Test(arguments: Backend.all) func withShortTransfersSomeSeedFailsAndFailsAgain(_ backend: Backend) throws {
        let failing = try #require(
            (1...50).first { seed in
                (try? sums(seed: seed, shortTransfer: 0.5, isRepaired: false, on: backend)) == nil
            })
        let first = try #require(throws: SimulationFailure.self) {
            try sums(seed: failing, shortTransfer: 0.5, isRepaired: false, on: backend)
        }
        let second = try #require(throws: SimulationFailure.self) {
            try sums(seed: failing, shortTransfer: 0.5, isRepaired: false, on: backend)
        }
        #expect(first.seed == failing)
        #expect(first.lastEvents == second.lastEvents)
    }

    @Test(arguments: Backend.all) func repairedItPassesAtEverySeed(_ backend: Backend) throws {
        for seed in 1...50 as ClosedRange<UInt64> {
            try sums(seed: seed, shortTransfer: 0.5, isRepaired: true, on: backend)
        }
    }
}
