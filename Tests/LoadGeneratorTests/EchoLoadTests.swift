import Demos
import LoadGenerator
import Reactor
import Testing

@Suite(.timeLimit(.minutes(20))) struct ClosedLoopTests {
    @Test(arguments: Backend.all) func countsExactly(backend: Backend) throws {
        let result = try run(on: backend, against: { Echo() }) {
            $0.messages = 1_001
            $0.depth = 3
        }
        #expect(result.messages == 1_001)
        #expect(result.bytes == 1_001 * 64)
        #expect(result.latency?.count == 1_001)
        #expect(result.uncorrected == nil)
        #expect(result.setUp?.count == 4)
        #expect(result.connectionsMade == 4)
        #expect(result.connectionsLeft == 4)
        #expect(result.errors.total == 0)
        #expect(result.unanswered == 0)
        #expect(result.elapsed > .zero)
        #expect(result.cpuTime > .zero)
    }

    @Test(arguments: [1, 4_093, 65_536, 300_000]) func messagesOfAnySize(size: Int) throws {
        let result = try run(against: { Echo() }) {
            $0.size = size
            $0.messages = 40
            $0.depth = 4
        }
        #expect(result.messages == 40)
        #expect(result.errors.total == 0)
    }

    @Test func fewerMessagesThanConnections() throws {
        let result = try run(against: { Echo() }) { $0.messages = 2 }
        #expect(result.messages == 2)
        #expect(result.connectionsLeft == 4)
    }

    @Test func echoesMayComeInSingleBytesAndInUpperCase() throws {
        let result = try run(against: { UpperCasing() }) { $0.messages = 100 }
        #expect(result.messages == 100)
        #expect(result.errors.total == 0)
    }

    @Test func lastsForItsDuration() throws {
        let result = try run(against: { Echo() }) { $0.duration = .milliseconds(100) }
        #expect(result.elapsed >= .milliseconds(100))
        #expect(result.messages > 0)
        #expect(result.unanswered == 0)
        #expect(!result.wasStopped)
    }

    @Test func setsUpInBatches() throws {
        var open = 0
        let result = try run(
            against: {
                open += 1
                return Echo()
            }
        ) {
            $0.connections = 300
            $0.connectingAtOnce = 7
            $0.messages = 300
        }
        #expect(open == 300)
        #expect(result.connectionsMade == 300)
    }

    @Test func stopsEarly() throws {
        let result = try run(against: { Echo() }, stopAfter: .milliseconds(50)) { $0.duration = nil }
        #expect(result.wasStopped)
        #expect(result.messages > 0)
        #expect(result.unanswered == 0)
    }

    @Test func runsOnALoopOfItsOwn() throws {
        let result = try LoadGenerator.run(LoadConfiguration(address: nobody))
        #expect(result.messages == 0)
        #expect(result.errors[.connectRefused] == 64)
    }
}

@Suite(.timeLimit(.minutes(20))) struct OpenLoopTests {
    @Test func sendsWhatFallsIntoTheDuration() throws {
        let result = try run(against: { Echo() }) {
            $0.rate = 2_000
            $0.duration = .milliseconds(200)
        }
        #expect(result.messages == 400)
        #expect(result.latency?.count == 400)
        #expect(result.uncorrected?.count == 400)
        #expect(result.elapsed >= .milliseconds(200))
        #expect(result.messagesPerSecond <= 2_000)
    }

    @Test func sendsAnExactNumber() throws {
        let result = try run(against: { Echo() }) {
            $0.rate = 10_000
            $0.messages = 333
            $0.depth = 2
        }
        #expect(result.messages == 333)
    }

    @Test func aStallIsSeenByThoseWhoHadToWait() throws {
        let result = try run(against: { Stalling(.milliseconds(100)) }) {
            $0.connections = 1
            $0.rate = 1_000
            $0.duration = .milliseconds(100)
        }
        #expect(result.messages == 100)
        let latency = try #require(result.latency)
        let uncorrected = try #require(result.uncorrected)
        // One message was late when counted from its send; half of all were by 40 ms and more, from when they were due.
        #expect(latency.max >= 100_000_000)
        #expect(latency.p50 >= 40_000_000)
        #expect(uncorrected.p50 < latency.p50)
    }

    @Test func unansweredMessagesAreCounted() throws {
        let result = try run(against: { Silent() }) {
            $0.rate = 1_000
            $0.duration = .milliseconds(50)
            $0.patience = .milliseconds(100)
        }
        #expect(result.messages == 0)
        #expect(result.unanswered == 50)
        #expect(result.errors[.timeout] == 4)
    }

    @Test func messagesOfDeadConnectionsAreLost() throws {
        let result = try run(against: { Ending() }) {
            $0.rate = 1_000
            $0.duration = .milliseconds(50)
        }
        #expect(result.messages == 0)
        #expect(result.errors[.closedEarly] == 4)
        #expect(result.unanswered >= 4)
        #expect(result.connectionsLeft == 0)
    }

    @Test func stopsEarly() throws {
        let result = try run(against: { Echo() }, stopAfter: .milliseconds(50)) {
            $0.rate = 1_000
            $0.duration = nil
        }
        #expect(result.wasStopped)
        #expect((1..<10_000).contains(result.messages))
        #expect(result.unanswered == 0)
    }
}
