import Testing

@testable import LoadGenerator

@Suite(.timeLimit(.minutes(20))) struct SendScheduleTests {
    /// A thousand messages a second from 5 s on, on three connections: one a millisecond.
    private let schedule = SendSchedule(startNanoseconds: 5_000_000_000, rate: 1_000, connections: 3, total: 100)

    @Test func nothingIsDueBeforeTheStart() {
        #expect(schedule.due(at: 4_999_999_999) == 0)
        #expect(schedule.due(at: 5_000_000_000) == 1)
    }

    @Test func oneMessageIsDueAnInterval() {
        #expect(schedule.due(at: 5_000_999_999) == 1)
        #expect(schedule.due(at: 5_001_000_000) == 2)
        #expect(schedule.due(at: 5_010_000_000) == 11)
    }

    @Test func thereAreNoMoreThanTheTotal() {
        #expect(schedule.due(at: .max / 2) == 100)
        #expect(schedule.endNanoseconds == 5_100_000_000)
    }

    @Test func connectionsTakeTurns() {
        #expect(schedule.dueNanoseconds(ofMessage: 0, onConnection: 2) == 5_002_000_000)
        #expect(schedule.dueNanoseconds(ofMessage: 1, onConnection: 0) == 5_003_000_000)
        #expect(schedule.dueNanoseconds(ofMessage: 4, onConnection: 1) == 5_013_000_000)
    }

    @Test(arguments: [0.3, 7.0, 333.3, 12_345.678, 3_000_000.0]) func dueAndTimeAgree(rate: Double) {
        let schedule = SendSchedule(startNanoseconds: 123_456_789, rate: rate, connections: 7, total: .max)
        for message in [0, 1, 2, 3, 999, 1_000, 12_345] {
            let time = schedule.dueNanoseconds(of: message)
            #expect(schedule.due(at: time) >= message + 1)
            if message > 0 { #expect(schedule.due(at: time - 1) <= message) }
        }
    }

    @Test func aDurationHoldsTheMessagesThatAreDueBeforeItsEnd() {
        #expect(SendSchedule.messages(in: .milliseconds(100), rate: 1_000) == 100)
        #expect(SendSchedule.messages(in: .milliseconds(100), rate: 1) == 1)
        #expect(SendSchedule.messages(in: .milliseconds(2_500), rate: 1) == 3)
    }

    @Test func endingEarlyLeavesOutTheRest() {
        var schedule = schedule
        schedule.end(after: 10)
        #expect(schedule.due(at: .max / 2) == 10)
        #expect(schedule.endNanoseconds == 5_010_000_000)
    }

    /// What an open loop is for: a server that stalls for 50 ms is late for everybody who would have come meanwhile.
    @Test func latenciesCountFromTheIntendedTime() throws {
        let schedule = SendSchedule(startNanoseconds: 0, rate: 1_000, connections: 1, total: 50)
        let recorder = LatencyRecorder()
        for message in 0..<50 { recorder.record(50_000_000 - schedule.dueNanoseconds(of: message)) }
        let summary = try #require(recorder.summary)
        #expect(summary.max == 50_000_000)
        #expect(abs(summary.p50 - 25_000_000) < 100_000)
    }
}

@Suite(.timeLimit(.minutes(20))) struct LatencyRecorderTests {
    @Test func nothingHasNoSummary() { #expect(LatencyRecorder().summary == nil) }

    @Test func extremesAreKept() throws {
        let recorder = LatencyRecorder()
        for value in [-5, 0, 1_000, 1_000_000, .max] { recorder.record(Int64(value)) }
        let summary = try #require(recorder.summary)
        #expect(summary.count == 5)
        #expect(summary.max == 3_600_000_000_000)
        #expect(abs(summary.p50 - 1_000) <= 1)
    }
}

@Suite(.timeLimit(.minutes(20))) struct SourceAddressTests {
    private func addresses(_ address: String, _ mode: LoadMode, _ connections: Int) throws -> [String] {
        var configuration = LoadConfiguration(address: try .init(address))
        configuration.mode = mode
        configuration.connections = connections
        return SourceAddresses(for: configuration).addresses.map { $0?.host ?? "any" }
    }

    @Test func fewConnectionsComeFromAnywhere() throws {
        #expect(try addresses("127.0.0.1:1", .echo, 10_000) == ["any"])
    }

    @Test func manyConnectionsComeFromSeveralAddresses() throws {
        #expect(try addresses("127.0.0.1:1", .idle, 19_000) == ["127.0.0.1", "127.0.0.2"])
        #expect(try addresses("127.0.0.1:1", .churn, 1).count == SourceAddresses.addressesForChurn)
    }

    @Test func onlyTheLoopbackNetworkIsOurs() throws {
        #expect(try addresses("192.0.2.1:1", .churn, 64) == ["any"])
        #expect(try addresses("[::1]:1", .echo, 50_000) == ["any"])
    }
}
