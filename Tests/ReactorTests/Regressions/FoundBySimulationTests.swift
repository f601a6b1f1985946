// Faults of the framework that were found with the simulated kernel, each pinned by the shortest program that shows it.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct FoundBySimulationTests {
    /// Seed 1768: out of descriptors, and `epoll_ctl` refuses the listener's pause; it was told of newcomers all the while.
    /// Edge-triggered, a pause costs no call that could be refused.
    @Test(arguments: [Backend.epoll(.levelTriggered), .poll, .select]) func aPauseOfAcceptingThatIsRefusedDoesNotSpin(
        _ backend: Backend
    ) throws {
        let world = try Simulation(seed: 1768, backend: backend)
        try world.listen { _ in EchoHandler() }
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
        try world.listen { _ in EchoHandler() }
        try world.run(for: .milliseconds(1))
        world.kernel.fail(.epollControl, with: .noMemory, times: 2)
        var told: [Int] = []
        var attempts: [Connector] = []
        for index in 0..<2 {
            attempts.append(
                try world.loop.connect(to: world.address!, handler: { _ in EchoHandler() }) { _ in
                    told.append(index)
                    attempts[1 - index].cancel()
                })
        }
        try world.run(for: .seconds(1))
        #expect(told == [0])
        try world.check()
    }

    /// Seeds 144, 670, 5619: both ends have much to say and close. Each throws away what it is sent meanwhile; reading
    /// nothing, they would wait for each other until the write stall ends both.
    @Test(arguments: Backend.all) func twoPeersThatBothCloseUnderPressureDoNotWaitForEachOther(_ backend: Backend)
        throws
    {
        final class Talker: ConnectionHandler {
            func connected(_ connection: Connection) {
                connection.write([UInt8](repeating: 7, count: 500_000))
                connection.close()
            }
            func received(_ bytes: RawSpan, on connection: Connection) { Issue.record("received after close()") }
        }
        let world = try Simulation(seed: 144, backend: backend)
        try world.listen { _ in Talker() }
        try world.loop.connect(
            to: world.address!, handler: { _ in world.observe(Talker()) }, failed: { Issue.record("\($0)") })
        try world.run(within: .seconds(6)) {
            world.handlers.count == 2 && world.handlers.allSatisfy { $0.reason != nil }
        }
        #expect(world.handlers.allSatisfy { $0.reason?.kind == .closed })
        try world.check()
    }

    /// The connect that asks how it went is interrupted. Edge-triggered, nobody would tell again that it has gone well.
    @Test(arguments: Backend.all) func anInterruptedQuestionAboutAConnectIsAskedAgain(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        try world.listen { _ in EchoHandler() }
        world.kernel.fail(.connect, with: .interrupted, after: 1, times: 3)
        try world.loop.connect(
            to: world.address!, handler: { _ in world.observe(EchoHandler()) }, failed: { Issue.record("\($0)") })
        try world.run(within: .seconds(1)) { world.handlers.count == 2 && world.handlers.allSatisfy(\.wasConnected) }
        try world.check()
    }
}
