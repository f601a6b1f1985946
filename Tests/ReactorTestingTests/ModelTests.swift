// The framework against the reference model: random programs on every back end. REACTOR_SEEDS runs more of them,
// REACTOR_FIRST_SEED begins elsewhere, REACTOR_TRACE shows more of the last events of one that fails.

import Glibc
import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct ModelTests {
    private static func number(_ name: String, or other: UInt64) -> UInt64 {
        guard let text = unsafe getenv(name) else { return other }
        return UInt64(unsafe String(cString: text)) ?? other
    }

    @Test(arguments: Backend.all) func randomProgramsKeepToTheModel(_ backend: Backend) throws {
        let first = Self.number("REACTOR_FIRST_SEED", or: 1)
        let count = Self.number("REACTOR_SEEDS", or: 2000) / UInt64(Backend.all.count)
        var failures = 0
        for seed in first..<first + count {
            do {
                let program = RandomProgram(seed: seed)
                program.traceLength = Int(Self.number("REACTOR_TRACE", or: 60))
                try program.run(on: backend)
            } catch {
                failures += 1
                Issue.record("\(error)")
                if failures == 3 { break }
            }
        }
    }

    @Test(arguments: Backend.all) func aProgramIsTheSameEveryTime(_ backend: Backend) throws {
        for seed in 1...10 as ClosedRange<UInt64> {
            let first = try RandomProgram(seed: seed).run(on: backend)
            let second = try RandomProgram(seed: seed).run(on: backend)
            #expect(first == second, "seed \(seed)")
        }
    }
}
