// The queue of a listener in the simulated world, whose kernel drops a SYN as Linux does; the drawing of what was seen.

import Reactor
import ReactorTesting
import SystemPackage
import Testing

@testable import Demos

@Suite(.timeLimit(.minutes(20))) struct BacklogTests {
    private static func observe(
        _ plan: BacklogPlan, _ backend: Backend = .epoll(), seed: UInt64 = 1
    ) throws -> (events: [BacklogEvent], outcome: BacklogOutcome) {
        let world = try Simulation(seed: seed, backend: backend)
        var events: [BacklogEvent] = []
        var results: [Result<BacklogOutcome, SocketError>] = []
        let experiment = BacklogExperiment(
            plan, on: world.loop, happened: { events.append($0) }, ended: { results.append($0) })
        try experiment.begin()
        try world.run { !results.isEmpty }
        try world.check()
        #expect(results.count == 1)
        return (events, try results[0].get())
    }

    private static func kinds(_ events: [BacklogEvent], _ connect: Int) -> [BacklogEvent.Kind] {
        events.filter { $0.connect == connect }.map(\.kind)
    }

    @Test(arguments: Backend.all) func oneMoreThanTheBacklogConnectsAndTheRestHangs(_ backend: Backend) throws {
        let (events, outcome) = try Self.observe(BacklogPlan(), backend)
        #expect(outcome.connectedWhileHeld == 4 && outcome.waitingWhileHeld == 4)
        #expect(outcome.accepted == 8 && outcome.refused == 0 && outcome.unfinished == 0)
        for connect in 1...4 { #expect(Self.kinds(events, connect) == [.connected, .accepted]) }
        for connect in 5...8 { #expect(Self.kinds(events, connect) == [.hanging, .connected, .accepted]) }
        #expect(events.compactMap(\.queue).max() == 4)
    }

    @Test(arguments: Backend.all) func aUnixSocketTurnsAwayAtOnce(_ backend: Backend) throws {
        var plan = BacklogPlan()
        plan.address = try .unix("@backlog")
        let (events, outcome) = try Self.observe(plan, backend)
        #expect(outcome.connectedWhileHeld == 4 && outcome.waitingWhileHeld == 4 && outcome.accepted == 8)
        for connect in 5...8 { #expect(Self.kinds(events, connect) == [.turnedAway, .connected, .accepted]) }
    }

    @Test(arguments: Backend.all) func aClosedListenerResetsItsQueueAndRefusesWhatHangs(_ backend: Backend) throws {
        var plan = BacklogPlan()
        (plan.backlog, plan.connects, plan.closes) = (1, 4, true)
        let (events, outcome) = try Self.observe(plan, backend)
        for connect in 1...2 { #expect(Self.kinds(events, connect) == [.connected, .reset]) }
        for connect in 3...4 { #expect(Self.kinds(events, connect) == [.hanging, .refused]) }
        #expect(outcome.reset == 2 && outcome.refused == 2 && outcome.unfinished == 0)
        plan.address = try .unix("@backlog")
        let unix = try Self.observe(plan, backend)
        for connect in 1...2 { #expect(Self.kinds(unix.events, connect) == [.connected, .reset]) }
        #expect(unix.outcome.reset == 2 && unix.outcome.unfinished == 2)
    }

    @Test func itEndsAtItsLimitWhateverHangs() throws {
        var plan = BacklogPlan()
        (plan.backlog, plan.connects, plan.acceptPause, plan.limit) = (0, 3, .seconds(60), .seconds(2))
        let (_, outcome) = try Self.observe(plan)
        #expect(outcome.accepted == 1 && outcome.unfinished == 2)
    }

    @Test func everyRunOfASeedIsTheSame() throws {
        let first = try Self.observe(BacklogPlan(), seed: 7).events.map { "\($0)" }
        #expect(try Self.observe(BacklogPlan(), seed: 7).events.map { "\($0)" } == first)
    }

    /// Whichever call fails: it is told once how it ended, and nothing is left open.
    @Test func everyFailureIsReportedOnce() throws {
        for errno in [Errno.tooManyOpenFiles, .interrupted, .noMemory] {
            for number in 1...60 {
                let world = try Simulation(seed: 1)
                var plan = BacklogPlan()
                (plan.connectPause, plan.connects) = (.milliseconds(10), 6)
                var results: [Result<BacklogOutcome, SocketError>] = []
                let experiment = BacklogExperiment(
                    plan, on: world.loop, happened: { _ in }, ended: { results.append($0) })
                world.kernel.failCall(number: world.kernel.fallibleCalls + number, with: errno)
                do {
                    try experiment.begin()
                    try world.run { !results.isEmpty }
                } catch is SocketError {}  // it could not begin, or the loop had no memory to wait
                #expect(results.count <= 1)
                try world.check()
            }
        }
    }

    @Test func theDrawingShowsTheQueue() {
        var plan = BacklogPlan()
        let drawing = BacklogDrawing(plan, systemLimit: 4096)
        func event(_ kind: BacklogEvent.Kind, _ connect: Int, queue: Int?, hanging: [Int] = []) -> BacklogEvent {
            BacklogEvent(
                kind: kind, connect: connect, milliseconds: 1523, waited: 1023, reason: nil, queue: queue,
                onlyClient: 0,
                hanging: hanging)
        }
        #expect(
            drawing.row(event(.connected, 6, queue: 3, hanging: [5, 7]))
                == " 1.523 s  connect 6 is connected after 1.023 s           [###.]  5 7")
        #expect(drawing.row(event(.closed, 0, queue: nil)) == " 1.523 s  the listener is closed")
        plan.backlog = 100
        #expect(BacklogDrawing(plan, systemLimit: 63).row(event(.accepted, 1, queue: 9)).hasSuffix("  9 of 64"))
    }
}
