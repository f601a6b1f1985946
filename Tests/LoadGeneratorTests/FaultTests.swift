import Demos
import LoadGenerator
import Reactor
import Testing

@Suite(.timeLimit(.minutes(20))) struct FaultTests {
    @Test func aWrongByteIsFound() throws {
        let result = try run(against: { Corrupting() }) { $0.messages = 100 }
        #expect(result.errors[.mismatch] == 4)
        #expect(result.errors.total == 4)
        #expect(result.messages == 0)
        #expect(result.unanswered == 4)
        #expect(result.connectionsLeft == 0)
        #expect(result.errors.example(of: .mismatch) != nil)
    }

    @Test func exchangedBytesAreFound() throws {
        let result = try run(against: { Reordering() }) {
            $0.messages = 100
            $0.depth = 2
        }
        #expect(result.errors[.mismatch] == 4)
    }

    @Test func doubledMessagesAreFound() throws {
        let result = try run(against: { Doubling() }) { $0.messages = 100 }
        #expect(result.errors[.mismatch] == 4)
    }

    @Test func anEarlyEndIsCounted() throws {
        let result = try run(against: { Ending() }) { $0.messages = 100 }
        #expect(result.errors[.closedEarly] == 4)
        #expect(result.errors.description == "4 closed by the server")
    }

    @Test func aResetIsCounted() throws {
        let result = try run(against: { Resetting() }) { $0.messages = 100 }
        #expect(result.errors[.reset] == 4)
    }

    @Test func silenceIsCounted() throws {
        let result = try run(against: { Silent() }) {
            $0.messages = 100
            $0.patience = .milliseconds(100)
        }
        #expect(result.errors[.timeout] == 4)
        #expect(result.unanswered == 4)
    }

    @Test func silenceFromTheFirstMessageOnIsCounted() throws {
        // The server takes the set-up message for longer than it is.
        let result = try run(against: { Silent(size: 0) }) {
            $0.messages = 100
            $0.connectTimeout = .milliseconds(100)
        }
        #expect(result.errors[.timeout] == 4)
        #expect(result.connectionsMade == 0)
    }

    @Test(arguments: [LoadMode.echo, .idle]) func refusalIsCounted(mode: LoadMode) throws {
        let result = try run(against: { Echo() }) {
            $0.address = nobody
            $0.mode = mode
            $0.connections = 300
        }
        #expect(result.errors[.connectRefused] == 300)
        #expect(result.errors.total == 300)
        #expect(result.connectionsMade == 0)
        #expect(result.messages == 0)
    }

    @Test func refusedChurnGoesOnToItsEnd() throws {
        let result = try run(against: { Echo() }) {
            $0.address = nobody
            $0.mode = .churn
            $0.messages = 20
        }
        #expect(result.errors[.connectRefused] == 20)
        #expect(result.unanswered == 20)
    }

    @Test func aServerAtItsLimitClosesEarly() throws {
        var limits = Limits()
        limits.connections = 3
        let result = try run(limits: limits, against: { Echo() }) {
            $0.connections = 5
            $0.messages = 30
        }
        #expect(result.connectionsMade == 3)
        #expect(result.errors.total == 2)
        #expect(result.messages == 30)
    }
}

@Suite(.timeLimit(.minutes(20))) struct ModeTests {
    @Test func idleConnectionsAreHeld() throws {
        let result = try run(against: { Echo() }) {
            $0.mode = .idle
            $0.connections = 250
            $0.duration = .milliseconds(100)
        }
        #expect(result.connectionsMade == 250)
        #expect(result.connectionsLeft == 250)
        #expect(result.messages == 0)
        #expect(result.elapsed >= .milliseconds(100))
        #expect(result.errors.total == 0)
    }

    @Test func idleConnectionsThatGoAreCounted() throws {
        var limits = Limits()
        limits.idleTime = .milliseconds(50)
        let result = try run(limits: limits, against: { Echo() }) {
            $0.mode = .idle
            $0.duration = .seconds(3)
        }
        #expect(result.connectionsMade == 4)
        #expect(result.connectionsLeft == 0)
        #expect(result.errors[.closedEarly] == 4)
        #expect(result.elapsed < .seconds(3))
    }

    @Test(arguments: [Backend.epoll(), .epoll(.edgeTriggered), .poll, .select, .unlimitedSelect])
    func churnCountsExactly(backend: Backend) throws {
        let result = try run(on: backend, against: { Echo() }) {
            $0.mode = .churn
            $0.messages = 200
        }
        #expect(result.messages == 200)
        #expect(result.connectionsMade == 200)
        #expect(result.latency?.count == 200)
        #expect(result.errors.total == 0)
        #expect(result.connectionsLeft == 0)
    }

    @Test func churnLastsForItsDuration() throws {
        let result = try run(against: { Echo() }) {
            $0.mode = .churn
            $0.duration = .milliseconds(100)
        }
        #expect(result.messages > 0)
        #expect(result.elapsed >= .milliseconds(90))
        #expect(result.unanswered == 0)
    }

    @Test func churnFindsWrongBytes() throws {
        let result = try run(against: { Corrupting(size: 0) }) {
            $0.mode = .churn
            $0.messages = 8
        }
        #expect(result.errors[.mismatch] == 8)
    }

    @Test func progressIsReportedEverySecond() throws {
        let loop = try EventLoop()
        defer { loop.shutdown() }
        let listener = try loop.listen(on: .loopback(port: 0)) { _ in Echo() }
        var configuration = LoadConfiguration(address: listener.address)
        configuration.duration = nil
        let generator = try LoadGenerator(configuration, on: loop)
        var told: [LoadProgress] = []
        var measuring = 0
        generator.onMeasuring = { measuring += 1 }
        generator.onProgress = {
            told.append($0)
            generator.stop()
        }
        generator.start { _ in loop.stop() }
        try loop.run()
        #expect(measuring == 1)
        #expect(told.count == 1)
        #expect(told.first?.connections == 64)
        #expect((told.first?.messages ?? 0) > 0)
        #expect((told.first?.messagesPerSecond ?? 0) > 0)
        #expect(told.first?.isSettingUp == false)
    }
}

@Suite(.timeLimit(.minutes(20))) struct ConfigurationTests {
    private func complaint(_ configure: (inout LoadConfiguration) -> Void) -> String? {
        var configuration = LoadConfiguration(address: .loopback(port: 7788))
        configure(&configuration)
        do throws(LoadConfigurationError) {
            try configuration.validate()
            return nil
        } catch {
            return error.description
        }
    }

    @Test func theDefaultsAreValid() { #expect(complaint { _ in } == nil) }

    @Test func whatIsOutOfRangeIsNamed() {
        #expect(complaint { $0.connections = 0 }?.contains("connections of 0") == true)
        #expect(complaint { $0.size = -1 }?.contains("at least 1") == true)
        #expect(complaint { $0.depth = 100_000 }?.contains("at most 65536") == true)
        #expect(complaint { $0.rate = 0 } != nil)
        #expect(complaint { $0.rate = .nan } != nil)
        #expect(complaint { $0.duration = .zero } != nil)
        #expect(complaint { $0.messages = 0 } != nil)
        #expect(complaint { $0.address.port = 0 }?.contains("port 0") == true)
        #expect(
            complaint {
                $0.size = 1 << 26
                $0.depth = 1_000
            } != nil)
    }

    @Test func whatDoesNotGoTogetherIsNamed() {
        #expect(
            complaint {
                $0.mode = .churn
                $0.rate = 10
            } == "mode churn takes no rate; use mode echo")
        #expect(
            complaint {
                $0.mode = .idle
                $0.messages = 10
            } != nil)
    }

    @Test func theDescriptorLimitIsNamed() {
        let limit = LinuxKernel.shared.descriptorLimit().rawValue
        #expect(complaint { $0.connections = limit }?.contains("limit of \(limit)") == true)
        #expect(
            complaint {
                $0.backend = .select
                $0.connections = 1_000
            }?.contains("select-unlimited") == true)
    }
}
