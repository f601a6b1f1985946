// The small programs that teach, tried as a user would: with nc and socat where they are servers, by what they print and
// write where they are experiments.

import FoundationEssentials
import Subprocess
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct TeachingCommandTests {
    @Sendable static func isSocatHere() async -> Bool {
        (try? await Executable.name("socat").resolveExecutablePath(in: .inherit)) != nil
    }

    private static func client(_ name: String, _ arguments: [String], _ input: String) async throws -> [String] {
        let text = try await Subprocess.run(
            .name(name), arguments: Arguments(arguments), input: .string(input),
            output: .string(limit: Program.outputLimit)
        ).standardOutput
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static func netcat(_ server: RunningServer, _ input: String) async throws -> [String] {
        try await client("nc", ["-N", "127.0.0.1", server.port], input)
    }

    // MARK: echo --time

    /// Whether a line is this message behind a time, as 2026-11-28T19:07:30.123Z.
    private static func isTimed(_ line: String?, _ message: String) -> Bool {
        guard let line, line.hasSuffix("Z " + message) else { return false }
        let time = line.prefix(24).map { $0.isNumber ? "0" : $0 }
        return String(time) == "0000-00-00T00:00:00.000Z"
    }

    @Test(.enabled("there is no nc", isNetcatHere), arguments: ["handler", "async"])
    func echoSaysWhen(_ style: String) async throws {
        _ = try await RunningServer.run(["--time", "--style", style]) { server in
            let lines = try await Self.netcat(server, "hello\r\nthere\n")
            #expect(
                lines.count == 3 && Self.isTimed(lines.first, "hello") && Self.isTimed(lines[1], "there"), "\(lines)")
        }
    }

    @Test(.enabled("there is no socat", isSocatHere)) func echoSaysWhenOnAUnixSocketAndByDatagram() async throws {
        let name = "@reactor-time-\(UInt64.random(in: 0 ... .max))"
        _ = try await RunningServer.run(["--time"], at: ["--unix", name]) { server in
            let lines = try await Self.client(
                "socat", ["-t", "5", "-", "ABSTRACT-CONNECT:\(name.dropFirst())"], "hello\n")
            #expect(Self.isTimed(lines.first, "hello"), "\(lines)")
        }
        _ = try await RunningServer.run(["--time", "--udp"]) { server in
            // It ends by itself a moment after the answer has come.
            let lines = try await Self.client("socat", ["-t", "0.5", "-", "UDP:\(server.address)"], "hello\n")
            #expect(Self.isTimed(lines.first, "hello"), "\(lines)")
        }
    }

    // MARK: dialogue

    @Test(.enabled("there is no nc", isNetcatHere), arguments: EchoCommandTests.backends)
    func dialogueTalksToNetcat(_ backend: String) async throws {
        let outcome = try await RunningServer.run(command: ["dialogue"], ["--backend", backend]) { server in
            let lines = try await Self.netcat(server, "hello\r\nbye\nmore\n")
            #expect(
                lines == [
                    "hello; I answer with 'zero' for each 'o', until you say 'bye'", "hellzero",
                    "goodbye; that was 1 message, and I replaced once", "",
                ])
        }
        #expect(
            outcome.status == .exited(0) && outcome.output == "served 1 dialogue (0 refused)" && outcome.error == "")
    }

    @Test(.enabled("there is no socat", isSocatHere)) func dialogueHasOtherRules() async throws {
        let rules = ["--character", "é", "--word", "-e-", "--stop", "so long"]
        _ = try await RunningServer.run(command: ["dialogue"], rules) { server in
            let lines = try await Self.client(
                "socat", ["-t", "5", "-", "TCP:\(server.address)"], "bye, René\nso long\n")
            #expect(lines.dropFirst().first == "bye, Ren-e-" && lines.last == "")
        }
    }

    // MARK: framing

    @Test(arguments: EchoCommandTests.backends) func framingShowsThatRawRunsTogether(_ backend: String) async throws {
        let outcome = try await Program.run("framing", "--backend", backend)
        #expect(outcome.status == .exited(0) && outcome.error == "")
        for line in [
            "raw, read late: 3 messages sent, 1 receive, 1 message found: not what was sent",
            "  receive 1    68 65 6c 6c 6f 68 6f 77 20 61 72 65 20 79 6f 75  hellohow are you",
            "  message 1    68 65 6c 6c 6f[0a]                               hello.",
            "  message 1   [00 00 00 05]68 65 6c 6c 6f                       ....hello",
            "lines, cut every 7 bytes: 3 messages sent, 4 receives, 3 messages found: as sent",
            "length, read late: 3 messages sent, 1 receive, 3 messages found: as sent",
        ] { #expect(outcome.output.contains(line + "\n"), "\(line)") }
    }

    @Test func framingReportsInJSON() async throws {
        let outcome = try await Program.run(
            "framing", "--messages", "a", "b\nc", "--framing", "raw,lines,length", "--cut", "1", "--json", "-")
        let report = try JSONDecoder().decode(FramingJSON.self, from: Data(outcome.output.utf8))
        #expect(report.messages.map(\.hex) == ["61", "620a63"])
        #expect(report.tries.map(\.framing) == ["raw", "raw", "lines", "length", "length"])
        #expect(report.tries.map(\.cannotCarry) == [nil, nil, 2, nil, nil])
        #expect(report.tries.map(\.isAsSent) == [false, false, false, true, true])
        #expect(report.tries.last?.receives.count == 12)
    }

    private struct FramingJSON: Decodable {
        struct Bytes: Decodable { let hex: String }
        struct Try: Decodable {
            let framing: String
            let cannotCarry: Int?
            let isAsSent: Bool
            let receives: [Bytes]
        }
        let messages: [Bytes]
        let tries: [Try]
    }

    // MARK: resolve

    @Test func resolveFindsThisMachine() async throws {
        let outcome = try await Program.run("resolve", "localhost", "--ipv4")
        #expect(outcome.status == .exited(0) && outcome.output == "localhost  127.0.0.1  IPv4\n")
        let numeric = try await Program.run("resolve", "host", "127.0.0.1")
        #expect(numeric.output == "127.0.0.1  127.0.0.1  IPv4\n")
    }

    @Test func resolveTurnsTextIntoBytesAndBack() async throws {
        let binary = try await Program.run("resolve", "binary", "127.0.0.1", "::1")
        #expect(
            binary.output == """
                127.0.0.1  IPv4  on the wire 7f 00 00 01
                           the number 2130706433, or 16777343 if a little-endian machine omits ntohl
                ::1        IPv6  on the wire 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01

                """)
        let text = try await Program.run("resolve", "text", "7f 00 00 01", "--json", "-")
        struct Answer: Decodable {
            struct Result: Decodable {
                let address: String
                let number: UInt32
            }
            let results: [Result]
        }
        let answers = try JSONDecoder().decode([Answer].self, from: Data(text.output.utf8))
        #expect(answers.first?.results.first?.address == "127.0.0.1")
        #expect(answers.first?.results.first?.number == 2_130_706_433)
    }

    /// What is found is printed, what is not is said in a line each, and the status tells a script.
    @Test func resolveSaysWhatItDidNotFind() async throws {
        let outcome = try await Program.run("resolve", "binary", "192.0.2.1", "127.1", "nonsense")
        #expect(outcome.status == .exited(1))
        #expect(outcome.output.hasPrefix("192.0.2.1  IPv4  on the wire c0 00 02 01"))
        #expect(outcome.errorLines.count == 2 && outcome.error.contains("127.1: it is not a numeric address"))
        let host = try await Program.run("resolve", "host.invalid")
        #expect(host.status == .exited(1) && host.output == "" && host.errorLines.count == 1)
    }

    // MARK: backlog

    private struct BacklogJSON: Decodable {
        struct Outcome: Decodable {
            let connectedWhileHeld, waitingWhileHeld, accepted, refused, reset, unfinished: Int
        }
        struct Event: Decodable {
            let kind: String
            let queue: Int?
        }
        let outcome: Outcome
        let events: [Event]
    }

    private static func backlog(_ arguments: String...) async throws -> BacklogJSON {
        let outcome = try await Program.run(Program.reactor, ["backlog", "--json", "-"] + arguments)
        #expect(outcome.status == .exited(0) && outcome.error == "")
        return try JSONDecoder().decode(BacklogJSON.self, from: Data(outcome.output.utf8))
    }

    @Test(arguments: EchoCommandTests.backends)
    func aUnixSocketTurnsAwayWhatItsQueueHasNoRoomFor(_ backend: String) async throws {
        let report = try await Self.backlog(
            "--unix", "--backlog", "2", "--connects", "5", "--connect-every", "5ms", "--accept-every",
            "5ms", "--backend", backend)
        #expect(report.outcome.connectedWhileHeld == 3 && report.outcome.waitingWhileHeld == 2)
        #expect(report.outcome.accepted == 5)
    }

    /// The kernel's own count of the queue is one above the backlog, and a SYN that was dropped comes again after a second.
    @Test func aSYNThatFindsTheQueueFullIsDroppedAndSentAgain() async throws {
        let report = try await Self.backlog(
            "--backlog", "1", "--connects", "4", "--connect-every", "10ms", "--accept-every", "10ms")
        #expect(report.outcome.connectedWhileHeld == 2 && report.outcome.waitingWhileHeld == 2)
        #expect(report.outcome.accepted == 4 && report.outcome.refused == 0)
        #expect(report.events.filter { $0.kind == "hanging" }.compactMap(\.queue) == [2, 2])
    }

    @Test func aListenerThatClosesResetsItsQueue() async throws {
        let outcome = try await Program.run(
            "backlog", "--close", "--backlog", "0", "--connects", "2", "--connect-every", "10ms")
        #expect(outcome.status == .exited(0))
        for words in [
            "connect 1 is connected ", "connect 2 gets no reply: SYN_SENT", "[#]  2\n", "the listener is closed ",
            "connection 1 is lost: Connection reset by peer",
            "connect 2 is refused after ", "1 connected and 1 hanging while nothing was accepted; 1 refused; 1 lost",
        ] { #expect(outcome.output.contains(words), "\(outcome.output)") }
    }

    // MARK: What makes no sense

    static let senseless: [(line: String, status: CInt, words: [String])] = [
        ("echo --time --upper", 64, ["--upper", "--time", "choose one"]),
        ("echo --udp --listen unix:/tmp/x", 64, ["unix:/tmp/x", "HOST:PORT"]),
        ("dialogue --character ab", 64, ["--character", "one visible character"]),
        ("dialogue --stop a\u{7}", 64, ["--stop", "visible"]),
        ("dialogue --word \(String(repeating: "x", count: 65))", 64, ["--word", "1 to 64 bytes"]),
        ("framing --framing lines,netstrings", 64, ["--framing", "raw, lines, length"]),
        ("framing --cut 0", 64, ["--cut", "at least 1"]),
        ("framing --json /nonexistent/file", 1, ["/nonexistent/file", "name another file"]),
        ("resolve host --ipv4 --ipv6 localhost", 64, ["--ipv4", "exclude"]),
        ("resolve port +80", 1, ["+80", "0 to 65535"]),
        ("resolve service x/sctp", 1, ["x/sctp", "tcp or udp"]),
        ("resolve text 7f0000", 1, ["7f0000", "4 or 16 bytes"]),
        ("resolve address 127.0.0.1.example", 1, ["127.0.0.1.example", "not a numeric address"]),
        ("resolve", 64, ["Missing"]),
        ("backlog --backlog -1", 64, ["--backlog", "0 to 4096"]),
        ("backlog --backlog 5000", 64, ["--backlog", "0 to 4096"]),
        ("backlog --connects 501", 64, ["--connects", "at most 500"]),
        ("backlog --hold 10s", 64, ["--hold", "--limit"]),
        ("backlog --connects 500", 64, ["--connects", "--limit", "use fewer"]),
        ("backlog --limit 10m", 64, ["--limit", "at most 5m"]),
    ]

    @Test(arguments: senseless.map(\.line)) func isRefusedInOneLine(_ line: String) async throws {
        let test = try #require(Self.senseless.first { $0.line == line })
        let outcome = try await Program.run(Program.reactor, line.split(separator: " ").map(String.init))
        #expect(outcome.status == .exited(test.status))
        #expect(outcome.output == "")
        #expect(outcome.errorLines.count == 1 && outcome.error.hasPrefix("reactor: "), "\(outcome.error)")
        for word in test.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
    }

    @Test(arguments: ["dialogue", "framing", "resolve", "backlog"]) func helpIsNoError(_ command: String) async throws {
        let outcome = try await Program.run(command, "--help")
        #expect(outcome.status == .exited(0) && outcome.output.contains("Try it with:") && outcome.error == "")
    }
}
