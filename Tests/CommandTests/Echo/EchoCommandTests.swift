// `reactor echo`, tried as a user would.

import Subprocess
import Testing

@testable import ReactorCommand

/// Whether there is an `nc` to try the server with.
@Sendable func isNetcatHere() async -> Bool {
    (try? await Executable.name("nc").resolveExecutablePath(in: .inherit)) != nil
}

@Suite(.timeLimit(.minutes(20))) struct EchoCommandTests {
    static let backends = ["epoll-lt", "epoll-et", "poll", "select", "select-unlimited"]

    @Test func printsOneLineWithTheRealPort() async throws {
        let outcome = try await RunningServer.run { server in
            #expect(server.firstLine.hasPrefix("listening on 127.0.0.1:"))
            let port = try #require(Int(server.port))
            #expect(port > 0)
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output == "served 0 connections (0 refused), 0 bytes received, 0 sent")
        #expect(outcome.error == "")
    }

    @Test(.enabled("there is no nc", isNetcatHere), arguments: backends)
    func servesNetcatThatHalfCloses(_ backend: String) async throws {
        let outcome = try await RunningServer.run(["--backend", backend]) { server in
            let answer = try await Self.netcat(server, sends: "hello\nthere\n")
            #expect(answer == "hello\nthere\n")
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output == "served 1 connection (0 refused), 12 bytes received, 12 sent")
    }

    @Test(.enabled("there is no nc", isNetcatHere), arguments: backends)
    func servesWithATaskPerConnection(_ backend: String) async throws {
        for (options, sent, answer) in [
            ([], "hello\nthere\n", "hello\nthere\n"), (["--upper"], "hello\n", "HELLO\n"),
            (["--lines"], "one\r\ntwo\n", "one\ntwo\n"),
        ] {
            let outcome = try await RunningServer.run(["--style", "async", "--backend", backend] + options) { server in
                let received = try await Self.netcat(server, sends: sent)
                #expect(received == answer)
            }
            #expect(outcome.status == .exited(0))
            #expect(outcome.output.hasPrefix("served 1 connection"))
            #expect(outcome.error == "")
        }
    }

    @Test(.enabled("there is no nc", isNetcatHere))
    func repliesInUpperCase() async throws {
        _ = try await RunningServer.run(["--upper"]) { server in
            let answer = try await Self.netcat(server, sends: "hello, wörld 1\n")
            #expect(answer == "HELLO, WöRLD 1\n")
        }
    }

    @Test func listensOnAUnixSocket() async throws {
        let name = "@reactor-test-\(UInt64.random(in: 0 ... .max))"
        _ = try await RunningServer.run(at: ["--unix", name]) { server in
            #expect(server.firstLine.hasPrefix("listening on unix:\(name) "))
            let load = try await Program.run("load", "unix:\(name)", "--messages", "10", "--connections", "2")
            #expect(load.status == .exited(0))
        }
    }

    @Test(.enabled("there is no nc", isNetcatHere))
    func servesLines() async throws {
        let outcome = try await RunningServer.run(["--lines", "--stats"]) { server in
            let answer = try await Self.netcat(server, sends: "hello\r\n\nthere\nhalf a line")
            #expect(answer == "hello\n\nthere\n")
        }
        #expect(outcome.output.contains(" 1  connections closed for malformed messages"))
    }

    @Test(arguments: [Signal.interrupt, .terminate])
    func endsWithASummaryWhenAsked(_ signal: Signal) async throws {
        let outcome = try await RunningServer.run(["--stats"], endedBy: signal) { server in
            let load = try await Program.run("load", server.address, "--messages", "10", "--connections", "2")
            #expect(load.status == .exited(0))
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.hasPrefix("served 2 connections (0 refused)"))
        #expect(outcome.output.contains("loop turns"))
        #expect(outcome.error == "")
    }

    @Test(arguments: [Signal.interrupt, .terminate])
    func endsAlthoughAClientStays(_ signal: Signal) async throws {
        // The client outlives the body: the server is asked to end while it is connected.
        let (addresses, continuation) = AsyncStream<String>.makeStream()
        let outcome = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await address in addresses {
                    // Ends when its connections do.
                    _ = try await Program.run(
                        "load", address, "--mode", "idle", "--connections", "3", "--duration", "none")
                }
            }
            let outcome = try await RunningServer.run(["--drain", "300ms"], endedBy: signal) { server in
                let before = try #require(server.process.descriptorCount())
                continuation.yield(server.address)
                continuation.finish()
                try await eventually { try #require(server.process.descriptorCount()) >= before + 3 }
            }
            try await group.waitForAll()
            return outcome
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.hasPrefix("served 3 connections"))
    }

    /// A bench that is killed cannot end its servers; they end by themselves.
    @Test(arguments: backends) func endsWithItsInput(_ backend: String) async throws {
        let outcome = try await Program.run(
            "echo", "--listen", "127.0.0.1:0", "--backend", backend, "--end-with-input")
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.contains("served 0 connections"))
    }

    /// With select, what is above its limit is refused, and what is below is served.
    @Test func selectRefusesWhatItCannotWatch() async throws {
        let outcome = try await RunningServer.run(["--backend", "select"]) { server in
            #expect(server.firstLine.contains("at most 1008 connections"))
            let load = try await Program.run(
                "load", server.address, "--connections", "1100", "--messages", "5000")
            #expect(load.output.contains("1008 connections at the end"))
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.contains("served 1008 connections (92 refused)"))
    }

    /// Sends text with nc, which half-closes (-N) where its input ends, and answers what came back.
    private static func netcat(_ server: RunningServer, sends text: String) async throws -> String {
        try await Subprocess.run(
            .name("nc"), arguments: ["-N", "127.0.0.1", server.port], input: .string(text),
            output: .string(limit: Program.outputLimit)
        ).standardOutput
    }
}
