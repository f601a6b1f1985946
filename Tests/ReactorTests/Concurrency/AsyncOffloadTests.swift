// Blocking work that tasks wait for: its result, its error, its refusal, and what cancelling does before it begins and after.

import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct AsyncOffloadTests {
    @Test(arguments: AsyncWorld.all) func aTaskWaitsForWhatAnotherThreadDoes(_ world: AsyncWorld) throws {
        let answer = try world.run { loop in
            let thread = thisThread()
            let sum = try await loop.offload { (1...100).reduce(0, +) }
            await #expect(throws: Sorry.self) { try await loop.offload { throw Sorry() } }
            #expect(thisThread() == thread, "the task is back on its loop's thread")
            return sum
        }
        #expect(answer.result == 5050)
    }

    @Test func whoIsCancelledWaitsNoLonger() throws {
        let world = try Simulation(seed: 1)
        world.workers.count = 1
        let notes = Notes()
        for name in ["begun", "waiting"] {
            let task = world.loop.task { loop in
                do {
                    try await loop.offload { notes.add("\(name): done") }
                } catch let error as WaitError {
                    notes.add("\(name): \(error.kind == .cancelled ? "cancelled" : "\(error)")")
                }
            }
            world.loop.execute { world.loop.execute { task.cancel() } }
        }
        try world.run { notes.all.count == 3 }
        #expect(Set(notes.all) == ["begun: cancelled", "waiting: cancelled", "begun: done"])
        try world.check()
    }

    @Test func whereThereIsNoRoomATaskIsToldAtOnce() throws {
        let world = try Simulation(seed: 1)
        (world.workers.count, world.workers.queueLimit) = (1, 0)
        let notes = Notes()
        for _ in 0..<2 {
            world.loop.task { loop in
                do {
                    try await loop.offload { notes.add("done") }
                } catch let error as OffloadError {
                    notes.add(error == .queueFull ? "refused" : "\(error)")
                }
            }
        }
        try world.run { notes.all.count == 2 }
        #expect(notes.all == ["refused", "done"])
        try world.check()
    }
}
