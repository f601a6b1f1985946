// `reactor chat`, tried as a user would: with nc and socat, from a pipe and from a file, and with a real Redis.

import FoundationEssentials
import Subprocess
import SystemPackage
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct ChatCommandTests {
    static let backends = ["epoll-lt", "epoll-et", "poll", "select", "select-unlimited"]

    @Sendable static func isNetcatHere() async -> Bool { await isHere("nc") }
    @Sendable static func isSocatHere() async -> Bool { await isHere("socat") }

    private static func isHere(_ name: String) async -> Bool {
        (try? await Executable.name(name).resolveExecutablePath(in: .inherit)) != nil
    }

    /// Runs a client to its end with some input, and answers its lines.
    private static func client(_ program: Executable, _ arguments: [String], _ input: String) async throws -> [String] {
        let text = try await Subprocess.run(
            program, arguments: Arguments(arguments), input: .string(input), output: .string(limit: Program.outputLimit)
        ).standardOutput
        return text.split(separator: "\n").map(String.init)
    }

    private static func netcat(_ server: RunningServer, _ input: String) async throws -> [String] {
        try await client(.name("nc"), ["-N", "127.0.0.1", server.port], input)
    }

    @Test(.enabled("there is no nc", isNetcatHere), arguments: backends)
    func servesNetcat(_ backend: String) async throws {
        let outcome = try await RunningServer.run(command: ["chat", "serve"], ["--name", "a", "--backend", backend]) {
            server in
            let lines = try await Self.netcat(server, "anna\r\nhello\r\n/who\r\n/join den\r\n/rooms\r\n")
            #expect(
                lines == [
                    "* this is the chat server a; enter your name to join, /help for help", "* welcome, anna",
                    "* you are in lobby, with 0 others", "* 1 in lobby: anna", "* you are in den, with 0 others",
                    "* rooms: den (1), lobby (0)",
                ])
            // What was said before is shown to those who come later.
            #expect(try await Self.netcat(server, "bob\n").last == "<anna> hello")
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.hasPrefix("served 2 connections (0 refused), 1 lines said"))
        #expect(outcome.error == "")
    }

    @Test(.enabled("there is no socat", isSocatHere)) func servesSocat() async throws {
        _ = try await RunningServer.run(command: ["chat", "serve"]) { server in
            let lines = try await Self.client(
                .name("socat"), ["-t", "5", "-", "TCP:\(server.address)"], "\u{1b}[2J\nanna\n\u{1b}[31mred\n/quit\n")
            #expect(lines.filter { $0 == "! control characters are refused; the line was not sent" }.count == 2)
            #expect(lines.last == "* goodbye")
        }
    }

    @Test(arguments: backends) func joinReadsAPipe(_ backend: String) async throws {
        _ = try await RunningServer.run(command: ["chat", "serve"]) { server in
            let arguments = ["chat", "join", server.address, "--backend", backend, "--rate", "50"]
            // More lines than the server's flood limit would take at once, and the last one without its newline.
            let said = (0..<12).map { "line \($0)" }.joined(separator: "\n")
            let lines = try await Self.client(Program.reactor, arguments, "anna\n\(said)")
            #expect(lines[1] == "* welcome, anna")
        }
    }

    @Test(arguments: backends) func joinReadsAFile(_ backend: String) async throws {
        let path = FilePath("/tmp/reactor-chat-test-\(backend)-\(UInt64.random(in: 0...UInt64.max))")
        let file = try FileDescriptor.open(
            path, .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
        _ = try file.closeAfter { try file.writeAll("anna\nhello\n/who\n".utf8) }
        defer { try? FileManager.default.removeItem(atPath: path.string) }
        _ = try await RunningServer.run(command: ["chat", "serve"]) { server in
            let input = try FileDescriptor.open(path, .readOnly)
            let text = try await Subprocess.run(
                Program.reactor, arguments: ["chat", "join", server.address, "--backend", backend],
                input: .fileDescriptor(input, closeAfterSpawningProcess: true),
                output: .string(limit: Program.outputLimit)
            ).standardOutput
            #expect(text.hasSuffix("* 1 in lobby: anna\n"))
        }
    }

    @Test func joinSaysWhyItCannot() async throws {
        let port = try RunningRedis.freePort()
        let outcome = try await Program.run("chat", "join", "127.0.0.1:\(port)")
        #expect(outcome.status == .exited(1))
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.error.contains("connection refused"))
    }

    /// A server that dies, or one that throws a member out, is no reason to end without a word.
    @Test func joinSaysThatTheServerIsGone() async throws {
        let outcome = try await RunningServer.run(command: ["chat", "serve"], ["--first-message-timeout", "300ms"]) {
            server in
            let client = try await Subprocess.run(
                Program.reactor, arguments: ["chat", "join", server.address], input: .inputWriter, output: .sequence,
                error: .string(limit: Program.outputLimit)
            ) { execution in
                // Its own input stays open meanwhile, and nobody writes.
                for try await _ in execution.standardOutput.strings() {}
            }
            #expect(client.terminationStatus == .exited(1))
            #expect(client.standardError == "reactor: the server closed the connection without a goodbye\n")
        }
        #expect(outcome.status == .exited(0))
    }

    /// Members who come through HAProxy are told apart by the addresses in its header.
    @Test(.enabled("there is no haproxy", RunningHAProxy.isHere), .enabled("there is no nc", isNetcatHere))
    func membersComeThroughHAProxy() async throws {
        let options = ["--proxy-protocol", "127.0.0.0/8", "--deny", "127.0.0.8/32"]
        let outcome = try await RunningServer.run(command: ["chat", "serve"], options) { server in
            // An option of a length that no other test has: the port follows from it.
            try await RunningHAProxy.run(before: server.address, "send-proxy-v2 weight 1") { address in
                let parts = address.split(separator: ":").map(String.init)
                let friend = try await Self.through(parts, from: "127.0.0.7")
                #expect(friend.last == "* 1 in lobby: anna")
                let stranger = try await Self.through(parts, from: "127.0.0.8")
                #expect(stranger == [])
            }
            let direct = try await Self.netcat(server, "anna\n")
            #expect(direct == [], "without a header nobody comes in")
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.hasPrefix("served 1 connection (2 refused)"))
    }

    private static func through(_ proxy: [String], from source: String) async throws -> [String] {
        try await client(.name("nc"), ["-N", "-s", source, proxy[0], proxy[1]], "anna\nhello\n/who\n")
    }

    // MARK: Several servers

    /// Two servers and a real Redis, which goes away and comes back.
    @Test(.enabled("there is no redis-server", RunningRedis.isHere), .enabled("there is no nc", isNetcatHere))
    func roomsOfTwoServersAreOneWithAndWithoutRedis() async throws {
        let port = try RunningRedis.freePort()
        let options = ["--backplane", "redis://127.0.0.1:\(port)", "--history", "50"]
        let reports = try await Program.bounded {
            let outcome = try await RunningServer.run(command: ["chat", "serve"], options + ["--name", "a"]) { a in
                _ = try await RunningServer.run(command: ["chat", "serve"], options + ["--name", "b"]) { b in
                    for round in 0..<2 {
                        try await RunningRedis.run(on: port) {
                            let start = ContinuousClock.now
                            // What one says on the one server another one has in the history of the other.
                            try await Self.until {
                                _ = try await Self.netcat(a, "anna\nround \(round)\n")
                                return try await Self.netcat(b, "bob\n").contains("<anna@a> round \(round)")
                            }
                            // 2 s are pinned in simulated time; a busy machine takes its time to start each nc.
                            #expect(ContinuousClock.now - start < .seconds(30), "the link comes back by itself")
                        }
                        // Without Redis, each goes on alone.
                        _ = try await Self.netcat(a, "anna\nalone \(round)\n")
                        #expect(try await Self.netcat(a, "carl\n").contains("<anna> alone \(round)"))
                        #expect(try await !Self.netcat(b, "bob\n").contains("<anna@a> alone \(round)"))
                    }
                }
            }
            #expect(outcome.status == .exited(0))
            return outcome.errorLines.map(String.init)
        }
        #expect(reports.filter { $0.contains("no Redis at") }.count <= 3, "\(reports)")
        #expect(reports.contains { $0.contains("is back after") })
    }

    private static func until(_ condition: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + Program.patience
        while try await !condition() { try #require(ContinuousClock.now < end) }
    }
}
