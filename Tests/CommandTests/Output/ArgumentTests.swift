import ArgumentParser
import LoadGenerator
import Reactor
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct DurationArgumentTests {
    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("5s", .seconds(5)), ("2m", .seconds(120)), ("1h", .seconds(3600)),
        ("007s", .seconds(7)),
    ]) func parses(text: String, duration: Duration) throws {
        #expect(try DurationArgument(text).duration == duration)
        #expect(try DurationArgument.required(text) == duration)
    }

    @Test(arguments: ["0", "none", "0s", "0ms"]) func switchesOff(text: String) throws {
        #expect(try DurationArgument(text).duration == nil)
        #expect(throws: ValidationError.self) { try DurationArgument.required(text) }
    }

    @Test(arguments: [
        "", "5", "s", "5 s", " 5s", "5S", "-5s", "+5s", "5.5s", "5sec", "٥s", "½s", "²s", "1e3s", "5s5s", "5d",
        "99999999999999999999h", "9999999999h",
    ]) func refuses(text: String) {
        #expect(throws: ValidationError.self) { try DurationArgument(text) }
    }
}

@Suite(.timeLimit(.minutes(20))) struct LoadArgumentTests {
    private func configuration(_ arguments: String...) throws -> LoadConfiguration {
        let command = try #require(try ReactorCommand.parseAsRoot(["load"] + arguments) as? LoadCommand)
        return try command.makeConfiguration()
    }

    private func complaint(_ arguments: String...) -> String {
        do {
            let command = try ReactorCommand.parseAsRoot(["load"] + arguments)
            guard let command = command as? LoadCommand else { return "not a load" }
            _ = try command.makeConfiguration()
            return ""
        } catch {
            #expect(ReactorCommand.exitCode(for: error).rawValue == 64)
            return ReactorCommand.message(for: error)
        }
    }

    @Test func theDefaultsAreThoseOfTheLibrary() throws {
        let found = try configuration("127.0.0.1:7788")
        let library = LoadConfiguration(address: found.address)
        #expect(found.address.description == "127.0.0.1:7788")
        #expect(found.connections == library.connections)
        #expect(found.size == library.size)
        #expect(found.depth == library.depth)
        #expect(found.duration == library.duration)
        #expect(found.messages == nil)
        #expect(found.rate == nil)
        #expect(found.mode == library.mode)
        #expect(found.backend == library.backend)
        #expect(found.connectTimeout == library.connectTimeout)
    }

    @Test func everyOptionArrives() throws {
        let found = try configuration(
            "[::1]:1", "--connections", "7", "--size", "8", "--depth", "9", "--duration", "none", "--rate", "10.5",
            "--mode", "echo", "--backend", "epoll-et", "--connect-timeout", "2s")
        #expect(found.address.isIPv6)
        #expect(found.connections == 7)
        #expect(found.size == 8)
        #expect(found.depth == 9)
        #expect(found.duration == nil)
        #expect(found.rate == 10.5)
        #expect(found.backend == .epoll(.edgeTriggered))
        #expect(found.connectTimeout == .seconds(2))
        #expect(try configuration("127.0.0.1:1", "--messages", "5").messages == 5)
    }

    @Test func complaintsSayWhatWouldBeRight() {
        #expect(complaint("127.0.0.1:7788", "--backend", "kqueue").contains("epoll-lt, epoll-et, poll, select"))
        #expect(complaint("127.0.0.1:7788", "--mode", "flood").contains("echo, idle, churn"))
        #expect(complaint("127.0.0.1:7788", "--duration", "5").contains("500ms"))
        #expect(complaint("127.0.0.1").contains("port is missing"))
        #expect(complaint("127.0.0.1:99999").contains("0 to 65535"))
        #expect(complaint("127.0.0.1:1", "--duration", "5s", "--messages", "5").contains("exclude"))
        #expect(complaint("127.0.0.1:1", "--connect-timeout", "none").contains("above zero"))
        for text in ["--backend=x", "--duration=x", "--connections=x"] {
            #expect(!complaint("127.0.0.1:1", text).contains("\n"))
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct SummaryTests {
    @Test func timesHaveReadableUnits() {
        #expect(LoadSummary.time(0) == "0.00 us")
        #expect(LoadSummary.time(9_990) == "9.99 us")
        #expect(LoadSummary.time(298_400) == "298 us")
        #expect(LoadSummary.time(3_900_000) == "3.90 ms")
        #expect(LoadSummary.time(1_250_000_000) == "1.25 s")
    }

    @Test func numbersAreRounded() {
        #expect(LoadSummary.text(1.005, digits: 1) == "1.0")
        #expect(LoadSummary.text(0.96, digits: 1) == "1.0")
        #expect(LoadSummary.text(-1.25, digits: 2) == "-1.25")
        #expect(LoadSummary.text(199_716.6, digits: 0) == "199717")
    }
}
