// `reactor echo --trace --admin PATH` and `reactor top`, tried as a user would.

import Foundation
import Subprocess
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct OperationTests {
    /// Runs a server with an admin socket in a folder of its own.
    private static func run(
        _ arguments: [String] = [], _ body: @escaping @Sendable (RunningServer, String) async throws -> Void
    ) async throws -> Program.Outcome {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("reactor-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("admin").path
        return try await RunningServer.run(["--admin", path] + arguments) { try await body($0, path) }
    }

    @Test func topLooksOnce() async throws {
        let outcome = try await Self.run { server, path in
            let load = try await Program.run("load", server.address, "--messages", "100", "--connections", "2")
            #expect(load.status == .exited(0))
            let top = try await Program.run("top", path, "--once")
            #expect(top.status == .exited(0) && top.error == "")
            #expect(top.output.hasPrefix("reactor top \(path)  epoll-lt  up "))
            #expect(top.output.contains("2 accepted") && top.output.contains("0 refused"))
        }
        #expect(outcome.status == .exited(0))
    }

    @Test func topReportsInJSON() async throws {
        _ = try await Self.run(["--backend", "poll"]) { _, path in
            let top = try await Program.run("top", path, "--once", "--json")
            #expect(top.status == .exited(0))
            let answer = try #require(
                try JSONSerialization.jsonObject(with: Data(top.output.utf8)) as? [String: Any])
            #expect((answer["stats"] as? [String: Any])?["backend"] as? String == "poll")
            #expect((answer["connections"] as? [Any])?.isEmpty == true)
        }
    }

    @Test func topNeedsATerminalOrAnOption() async throws {
        let top = try await Program.run("top", "/nowhere")
        #expect(top.status == .exited(64))
        #expect(top.errorLines == ["reactor: standard output is not a terminal; use --once or --json"])
    }

    @Test(arguments: ["/nowhere/at/all", "", "@"]) func topSaysWhoIsNotThere(_ path: String) async throws {
        let top = try await Program.run("top", path, "--once")
        #expect(top.status == .exited(1) && top.errorLines.count == 1)
        #expect(top.error.hasPrefix("reactor: cannot "))
    }

    @Test(arguments: ["99ms", "-1s", "often"]) func topRefusesAnIntervalThatMakesNoSense(_ time: String) async throws {
        let top = try await Program.run("top", "/nowhere", "--once", "--interval", time)
        #expect(top.status == .exited(64) && top.errorLines.count == 1)
    }

    @Test func anAdminSocketThatCannotBeMadeEndsTheServer() async throws {
        let outcome = try await Program.run("echo", "--listen", "127.0.0.1:0", "--admin", "/nowhere/at/all")
        #expect(outcome.status == .exited(1))
        #expect(
            outcome.errorLines == ["reactor: cannot listen on unix:/nowhere/at/all: no such file or directory (ENOENT)"]
        )
        #expect(outcome.output == "")
    }

    @Test(arguments: EchoCommandTests.backends) func traceShowsWhatHappens(_ backend: String) async throws {
        let outcome = try await RunningServer.run(["--trace", "--backend", backend]) { server in
            let load = try await Program.run("load", server.address, "--messages", "2", "--connections", "1")
            #expect(load.status == .exited(0))
        }
        #expect(outcome.output.hasPrefix("served 1 connection"))
        for part in ["accept4(", "  127.0.0.1:", " readable", "recv(", " received ", "send(", "-> SIGTERM", "close("] {
            #expect(outcome.error.contains(part))
        }
    }

    // MARK: The screen

    private static func snapshot(_ statistics: String, _ connections: String) throws -> TopSnapshot {
        try #require(TopSnapshot(statistics: Array(statistics.utf8), connections: Array(connections.utf8)))
    }

    private static func stats(uptime: Double, bytes: Int) -> String {
        let times = #"{"count":5,"mean":1e-06,"p50":2e-06,"p99":0.00025,"p999":0.001,"max":0.5}"#
        return #"""
            {"backend":"epoll-et","uptime":\#(uptime),"connections":2,"descriptors":9,"timers":3,"draining":true,
            "accepted":7,"opened":7,"closed":5,
            "refused":{"connectionLimit":2,"addressLimit":0,"descriptors":1},
            "receives":10,"bytesReceived":\#(bytes),"sends":10,"bytesSent":\#(bytes),"turns":100,"events":50,
            "staleEvents":1,"switches":4,"timersFired":0,"tasksRun":0,"acceptPauses":6,"pressurePauses":8,
            "handlerErrors":9,"slowCallbacks":11,"callbackTimes":\#(times),"lag":\#(times)}
            """#
    }

    private static func connection(_ received: Int) -> String {
        #"""
        [{"descriptor":7,"peer":"127.0.0.1:5","handler":"Echo","state":"open",
        "received":\#(received),"sent":0,"queued":12345678,"idle":0.25}]
        """#
    }

    @Test func theScreenShowsRates() throws {
        let before = try Self.snapshot(Self.stats(uptime: 10, bytes: 1_000_000), Self.connection(1000))
        let now = try Self.snapshot(Self.stats(uptime: 12, bytes: 9_000_000), Self.connection(5000))
        let lines = TopScreen(path: "/s", before: before, now: now).lines(columns: 200, rows: 50)
        #expect(lines[0] == "reactor top /s  epoll-et  up 12 s  draining")
        #expect(lines[1].contains("2 open, 7 accepted (0/s), 5 closed, 3 refused (connectionLimit 2, descriptors 1)"))
        #expect(lines[2].contains("in 3906 KiB/s"))
        #expect(lines[3].contains("lag p50 2 us, p99 250 us, max 500 ms"))
        #expect(lines[4].contains("11 slow, 9 threw"))
        #expect(lines[5].contains("6 of accepting, 8 for peers that do not read; 1 stale events, 4 switches"))
        #expect(lines[7].split(separator: " ").first == "fd")
        let words = lines[8].split(separator: " ").joined(separator: " ")
        #expect(words == "7 127.0.0.1:5 Echo open 2000 B/s 0 B/s 12 MiB 250 ms")
        #expect(lines.count == 9)
    }

    /// Several loops have a line each, and one that does not reply has no figures.
    @Test func theScreenShowsEveryLoop() throws {
        func stats(_ uptime: Double, _ bytes: Int) -> String {
            let rows = #"""
                [{"loop":1,"backend":"poll","connections":3,"descriptors":5,"timers":1,"accepted":3,"closed":0,
                "bytesReceived":\#(bytes),"bytesSent":0,"turns":9,"events":9,"slowCallbacks":0,"lagP99":0.001,"lagMax":0.5},
                {"loop":2,"backend":null,"connections":null,"descriptors":null,"timers":null,"accepted":null,
                "closed":null,"bytesReceived":null,"bytesSent":null,"turns":null,"events":null,"slowCallbacks":null,
                "lagP99":null,"lagMax":null}]
                """#
            return Self.stats(uptime: uptime, bytes: bytes).dropLast() + ",\"loops\":\(rows)}"
        }
        let row = Self.connection(1).replacingOccurrences(of: "\"idle\"", with: "\"loop\":2,\"idle\"")
        let (before, now) = (try Self.snapshot(stats(10, 0), row), try Self.snapshot(stats(12, 8000), row))
        let lines = TopScreen(path: "/s", before: before, now: now).lines(columns: 200, rows: 50)
        let words = lines.map { $0.split(separator: " ").joined(separator: " ") }
        #expect(words[7] == "loop back end connections in out turns events lag p99 max")
        #expect(words[8] == "1 poll 3 4000 B/s 0 B/s 0/s 0/s 1 ms 500 ms")
        #expect(words[9] == "2 no reply - - - - - - -")
        #expect(words[10] == "" && words[11].hasSuffix("idle loop") && words[12].hasSuffix("250 ms 2"))
        #expect(lines.count == 13)
    }

    /// Whoever was not there before has no rate.
    @Test func aNewConnectionHasNoRate() throws {
        let before = try Self.snapshot(Self.stats(uptime: 10, bytes: 1), "[]")
        let now = try Self.snapshot(Self.stats(uptime: 12, bytes: 1), Self.connection(5000))
        let later = TopScreen(path: "/s", before: before, now: now).lines(columns: 200, rows: 50)
        #expect(later[8].split(separator: " ").joined(separator: " ").contains("open - - 12 MiB"))
        let first = TopScreen(path: "/s", before: .beginning, now: now).lines(columns: 200, rows: 50)
        #expect(first[8].contains("417 B/s"))
    }

    @Test(arguments: [1, 2, 10, 40], [1, 3, 8, 100]) func theScreenFits(_ columns: Int, _ rows: Int) throws {
        let now = try Self.snapshot(Self.stats(uptime: 12, bytes: 9), Self.connection(5000))
        let lines = TopScreen(path: "/s", before: .beginning, now: now).lines(columns: columns, rows: rows)
        #expect(lines.count <= rows && lines.allSatisfy { $0.count <= columns })
    }

    @Test(arguments: ["", "{}", "[1]", "error: no", "{\"backend\":1}"]) func whatIsNoSnapshotIsRefused(_ text: String) {
        #expect(TopSnapshot(statistics: Array(text.utf8), connections: Array("[]".utf8)) == nil)
    }
}
