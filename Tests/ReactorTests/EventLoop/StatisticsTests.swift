// What a loop counts, and the times that it measures when asked.

import ReactorTesting
import TestSupport
import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(20))) struct StatisticsTests {
    @Test func refusalsAreCountedByReason() throws {
        try withLoop(.epoll()) { loop in
            var limits = Limits()
            limits.connections = 2
            limits.connectionsPerAddress = 1
            let (address, _, _) = try loop.listenRecording(limits: limits)
            let clients = try [2, 2, 3, 4, 5].map { try TestClient(address, from: .ipv4(127, 0, 0, $0, port: 0)) }
            try loop.run { loop.statistics.connectionsAccepted + loop.statistics.connectionsRefused == 5 }
            let counted = loop.statistics
            #expect(counted.refusals[.addressLimit] == 1 && counted.refusals[.connectionLimit] == 2)
            #expect(counted.connectionsAccepted == 2 && counted.connectionsRefused == 3)
            withExtendedLifetime(clients) {}
        }
    }

    @Test func refusalsOfASelectorAreCounted() throws {
        let kernel = HighDescriptorKernel()
        try withLoop(.select, kernel: kernel) { loop in
            let (address, _, _) = try loop.listenRecording()
            kernel.lowestDescriptor = 1100
            let client = try TestClient(address)
            try loop.run { loop.statistics.refusals[.selectorCapacity] == 1 }
            withExtendedLifetime(client) {}
        }
    }

    @Test func refusalsWithTheReserveAreCounted() throws {
        let kernel = FaultyKernel()
        try withLoop(.epoll(), kernel: kernel) { loop in
            let (address, _, _) = try loop.listenRecording()
            kernel.fail(.accept, with: .tooManyOpenFiles)
            let client = try TestClient(address)
            try loop.run { loop.statistics.refusals[.descriptors] == 1 }
            withExtendedLifetime(client) {}
        }
    }

    @Test func twoLoopsAreSummed() throws {
        let statistics = try (0..<2).map { _ in
            try withLoop(.epoll()) { loop in
                loop.measuresTimes = true
                for _ in 0..<3 { try loop.turn(mayWait: false) }
                return loop.statistics
            }
        }
        let sum = statistics[0] + statistics[1]
        #expect(sum.turns == 6 && sum.lag.count == 6 && sum.events == statistics[0].events + statistics[1].events)
    }

    @Test func connectionsMadeByTheLoopAreNotAccepted() throws {
        try withLoop(.epoll()) { loop in
            let (address, _, _) = try loop.listenRecording()
            try loop.connect(to: address, handler: { _ in EchoHandler() }, failed: { _ in })
            try loop.run { loop.statistics.connectionsOpened == 2 }
            #expect(loop.statistics.connectionsAccepted == 1)
        }
    }

    // MARK: Times

    @Test(arguments: Backend.all) func nothingIsMeasuredUnasked(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted()
            client.send("x")
            try loop.run { recorder.text == "x" }
            #expect(loop.statistics.callbackTimes.count == 0 && loop.statistics.lag.count == 0)
        }
    }

    @Test(arguments: Backend.all) func callbacksAndTurnsAreMeasuredWhenAsked(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            loop.measuresTimes = true
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onReceived = { _, connection in
                    let end = LinuxKernel.shared.now() + 5_000_000
                    while LinuxKernel.shared.now() < end {}
                }
            }
            client.send("x")
            try loop.run { recorder.text == "x" }
            let measured = loop.statistics
            #expect(measured.callbackTimes.count >= 2 && measured.lag.count == measured.turns)
            #expect(measured.callbackTimes.longest >= .milliseconds(4) && measured.lag.longest >= .milliseconds(4))
            #expect(measured.callbackTimes.quantile(0.5) < .milliseconds(4))
            loop.measuresTimes = false
            client.send("y")
            try loop.run { recorder.text == "xy" }
            #expect(loop.statistics.callbackTimes.count == measured.callbackTimes.count)
        }
    }

    @Test func slowCallbacksAreReportedWhileTimesAreMeasured() throws {
        try withLoop(.epoll()) { loop in
            var reports: [LoopReport] = []
            loop.onReport = { reports.append($0) }
            loop.measuresTimes = true
            loop.execute {
                let end = LinuxKernel.shared.now() + 40_000_000
                while LinuxKernel.shared.now() < end {}
            }
            loop.execute {}
            try loop.turn(mayWait: false)
            #expect(reports.count == 1 && loop.statistics.slowCallbacks == 1)
        }
    }

    @Test func aHistogramAnswersQuantilesToAFactorOfTwo() {
        let empty = TimeHistogram()
        #expect(empty.quantile(0.99) == .zero && empty.mean == .zero && empty.buckets.isEmpty)
        var times = TimeHistogram()
        for time in 1...1000 { times.add(nanoseconds: Int64(time) * 1000) }
        #expect(times.count == 1000 && times.longest == .microseconds(1000) && times.mean == .nanoseconds(500_500))
        #expect((.microseconds(500)...(.microseconds(1000))).contains(times.quantile(0.5)))
        #expect(times.quantile(1) == .microseconds(1000) && times.quantile(0) <= .microseconds(2))
        #expect(times.buckets.map(\.count).reduce(0, +) == 1000)
        let twice = times + times
        #expect(twice.count == 2000 && twice.mean == times.mean && (times + empty).quantile(0.5) == times.quantile(0.5))
    }

    @Test func aHistogramTakesWhatNoClockShows() {
        var times = TimeHistogram()
        for time: Int64 in [.min, -1, 0, .max] { times.add(nanoseconds: time) }
        #expect(times.count == 4 && times.longest == .nanoseconds(Int64.max) && times.quantile(0.5) == .zero)
    }

    /// The tick counters of two processors may differ: what seems to run backwards is no time, and ends no server.
    @Test func ticksThatRunBackwardsAreNoTime() {
        let start = MonotonicTime(nanoseconds: 0)
        var clock = CallbackClock(ticks: 1000, now: start)
        clock.adjust(2000, now: start + 500)
        clock.turnBegan(at: 2000)
        #expect(clock.nanosecondsOfCallback(until: 2100) == 50)
        #expect(clock.nanosecondsOfCallback(until: 1999) == 0 && clock.nanosecondsOfTurn(until: 0) == 0)
        #expect(clock.nanosecondsOfTurn(until: UInt64(Int64.max)) > 0)
        clock.adjust(900, now: start + 600)
        #expect(clock.nanosecondsOfCallback(until: 2100) == 50)
        clock.adjust(1001, now: MonotonicTime(nanoseconds: .max))
        #expect(clock.nanosecondsOfCallback(until: 3000) == .max)
    }
}
