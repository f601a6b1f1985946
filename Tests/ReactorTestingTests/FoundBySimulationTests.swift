// Faults of the framework that were found with the simulated kernel, each pinned by the shortest program that shows it.

import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite struct FoundBySimulationTests {
    /// Seed 1768: out of descriptors, and `epoll_ctl` refuses the listener's pause; it was told of newcomers all the while.
    /// Edge-triggered, a pause costs no call that could be refused.
    @Test(arguments: [Backend.epoll(.levelTriggered), .poll, .select]) func aPauseOfAcceptingThatIsRefusedDoesNotSpin(
        _ backend: Backend
    ) throws {
        let world = try Simulation(seed: 1768, backend: backend)
        try world.listen { _ in Echo() }
        try world.run(for: .milliseconds(1))
        world.kernel.fail(.accept, with: .noMemory)
        world.kernel.fail(.epollControl, with: .noMemory)
        let client = world.connect()
        client.write("x")
        try world.run { client.text == "x" }
        #expect(world.kernel.idleWaits < 10)
        try world.check()
    }

    /// Two registrations are refused at once, and the first one's callback cancels the second.
    @Test(arguments: [Backend.epoll(.levelTriggered), .epoll(.edgeTriggered)])
    func whoWasCancelledIsNotToldThatItsRegistrationWasRefused(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        try world.listen { _ in Echo() }
        try world.run(for: .milliseconds(1))
        world.kernel.fail(.epollControl, with: .noMemory, times: 2)
        var told: [Int] = []
        var attempts: [Connector] = []
        for index in 0..<2 {
            attempts.append(
                try world.loop.connect(to: world.address!, handler: { _ in Echo() }) { _ in
                    told.append(index)
                    attempts[1 - index].cancel()
                })
        }
        try world.run(for: .seconds(1))
        #expect(told == [0])
        try world.check()
    }
}
