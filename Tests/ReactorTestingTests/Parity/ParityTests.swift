// Parity: the same programs on the simulated kernel and on Linux, and what both sides of each connection saw has to be
// the same. A difference is a fault of the simulation until the contrary is proved.

import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct ParityTests {
    @Test(arguments: ParityProgram.all, Backend.all)
    func bothKernelsShowTheSame(_ program: ParityProgram, _ backend: Backend) throws {
        let simulated = try account(of: program, in: SimulatedWorld(backend))
        let real = try account(of: program, in: RealWorld(backend))
        #expect(simulated == real, "simulated: \(simulated)\nreal: \(real)")
    }

    private func account(of program: ParityProgram, in world: any ParityWorld) throws -> Account {
        do { try program.body(world) } catch {
            Issue.record("\(type(of: world)): \(error)\n\(world.account)")
            throw error
        }
        let account = world.account
        #expect(world.handlers.first?.reason?.kind == program.reason, "\(type(of: world)): \(account)")
        try world.end()
        return account
    }
}
