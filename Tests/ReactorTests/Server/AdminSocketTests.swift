// The admin socket: every command, its mistakes, its bounds, and who may ask.

import Foundation
import Reactor
import TestSupport
import Testing

@testable import Reactor

/// A loop that serves echoes, its admin socket, and somebody who asks.
private final class Office {
    let loop: EventLoop
    let folder = TemporaryFolder()
    var path: String { folder.path + "/s" }
    let recorder = Recorder()
    let server: Listener

    init(_ backend: Backend = .epoll()) throws {
        loop = try EventLoop(backend: backend)
        server = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
        try loop.serveAdministration(at: path)
        try connect(recorder)
        try loop.run { recorder.connection != nil }
    }

    deinit { loop.shutdown() }

    func connect(_ recorder: Recorder) throws {
        try loop.connect(to: .unix(path), handler: { _ in recorder }, failed: { Issue.record("\($0)") })
    }

    /// Asks, and waits for so many lines.
    func ask(_ command: String, lines: Int = 1) throws -> [String] {
        let before = recorder.bytes.count
        try #require(recorder.connection).write(command + "\n")
        func answer() -> [String] {
            let lines = recorder.text.dropFirst(before).split(separator: "\n", omittingEmptySubsequences: false)
            return lines.dropLast().map(String.init)
        }
        try loop.run { answer().count >= lines }
        return answer()
    }

    func json(_ command: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(try ask(command + " json")[0].utf8))
    }
}

@Suite(.timeLimit(.minutes(20))) struct AdminSocketTests {
    @Test func onlyItsUserMayConnect() throws {
        let office = try Office()
        #expect(office.folder.mode(of: "s") == 0o600)
        office.loop.shutdown()
        #expect(office.folder.mode(of: "s") == nil)
        let loop = try EventLoop()
        defer { loop.shutdown() }
        #expect(throws: SocketError.self) { try loop.serveAdministration(at: "@everybody") }
    }

    @Test(arguments: Backend.all) func statsTellTheSameTwice(_ backend: Backend) throws {
        let office = try Office(backend)
        let client = try TestClient(office.server.address)
        client.send("hello")
        try office.loop.run { client.has("hello") }
        let lines = try office.ask("stats", lines: 36 + Refusal.all.count)
        #expect(lines.contains("backend: \(backend)") && lines.contains("accepted: 1"))
        let stats = try #require(try office.json("stats") as? [String: Any])
        #expect(stats["backend"] as? String == "\(backend)" && stats["accepted"] as? Int == 1)
        // The echo's client, and this side of the connection to the admin socket, which is a connection of this loop's.
        #expect(stats["connections"] as? Int == 2 && stats["loops"] == nil)
        #expect((stats["refused"] as? [String: Int])?.keys.sorted().first == "addressLimit")
        #expect(try #require((stats["lag"] as? [String: Any])?["max"] as? Double) > 0)
        #expect(try #require((stats["callbackTimes"] as? [String: Any])?["count"] as? Int) > 0)
    }

    @Test func connectionsAreTheBusiestFirst() throws {
        let office = try Office()
        let clients = try (0..<3).map { _ in try TestClient(office.server.address) }
        for (index, client) in clients.enumerated() { client.send(String(repeating: "x", count: index + 1)) }
        try office.loop.run { clients.indices.allSatisfy { clients[$0].has(String(repeating: "x", count: $0 + 1)) } }
        let all = try #require(try office.json("connections") as? [[String: Any]])
        // The fourth is the one that asks; the admin's end of it is not shown.
        let handlers = all.compactMap { $0["handler"] as? String }.sorted()
        #expect(handlers == ["EchoHandler", "EchoHandler", "EchoHandler", "Recorder"])
        let two = try #require(try office.json("connections 2") as? [[String: Any]])
        #expect(two.count == 2)
        let echoes = all.filter { $0["handler"] as? String == "EchoHandler" }
        #expect(echoes.map { $0["received"] as? Int } == [3, 2, 1] && echoes[0]["state"] as? String == "open")
        let table = try office.ask("connections", lines: 5)
        #expect(table[0].hasPrefix("descriptor  peer") && table.contains { $0.contains("127.0.0.1:") })
    }

    @Test func limitsAreThoseOfEachListener() throws {
        let office = try Office()
        let limits = try #require(try office.json("limits") as? [[String: Any]])
        let server = try #require(limits.first { $0["listener"] as? String == "\(office.server.address)" })
        #expect(server["idleTime"] as? Double == 60 && server["outputLimit"] as? Int == 1 << 20)
        #expect(server["connectionsPerAddress"] is NSNull)
        let admin = try #require(limits.first { $0["listener"] as? String == "unix:\(office.path)" })
        #expect(admin["connections"] as? Int == 8)
        #expect(try office.ask("limits", lines: 23).contains("idleTime: 60 s"))
    }

    @Test(arguments: Change.all) func changesTheSelector(_ change: Change) throws {
        let office = try Office(change.from)
        #expect(try office.ask("backend") == ["backend: \(change.from)"])
        let answer = try #require(try office.json("backend \(change.to)") as? [String: Any])
        #expect(answer["backend"] as? String == "\(change.to)" && answer["former"] as? String == "\(change.from)")
        #expect(try #require(answer["seconds"] as? Double) > 0)
        #expect(try office.ask("backend") == ["backend: \(change.to)"] && office.loop.backend == change.to)
    }

    @Test func helpNamesEveryCommand() throws {
        let help = try Office().ask("help", lines: 6)
        for word in ["stats", "connections", "limits", "backend", "help", "json"] {
            #expect(help.contains { $0.hasPrefix(word) })
        }
    }

    // MARK: Mistakes

    @Test(arguments: [
        ("", "no command; try help"), ("   ", "no command; try help"), ("json", "unknown command 'json'; try help"),
        ("STATS", "unknown command 'STATS'; try help"), ("stats now", "stats has too many words; try help"),
        ("connections +4", "invalid connection count '+4'; use 1 to 200"),
        ("connections 0", "invalid connection count '0'; use 1 to 200"),
        ("connections 201", "invalid connection count '201'; use 1 to 200"),
        ("connections 99999999999999999999", "invalid connection count '99999999999999999999'; use 1 to 200"),
        ("connections 1 2", "connections has too many words; try help"),
        ("backend kqueue", "unknown back end 'kqueue'; use one of epoll-lt, epoll-et, poll, select, select-unlimited"),
        ("rm -rf /", "unknown command 'rm'; try help"),
        ("\u{1B}[2J", "unknown command '[2J'; try help"),
    ])
    func aMistakeIsAnsweredInOneLine(_ command: String, _ answer: String) throws {
        let office = try Office()
        #expect(try office.ask(command) == ["error: " + answer])
        #expect(try office.ask("backend") == ["backend: epoll-lt"])
        if command.hasPrefix("connections") {
            #expect(try office.json(command) as? [String: String] == ["error": answer])
        }
    }

    @Test func aLineThatIsNoTextIsRefused() throws {
        let office = try Office()
        try #require(office.recorder.connection).write([0xff, 0xfe, 10])
        try office.loop.run { office.recorder.text == "error: the line is not UTF-8\n" }
    }

    @Test func aLineWithoutEndIsRefused() throws {
        let office = try Office()
        try #require(office.recorder.connection).write(String(repeating: "x", count: 100_000))
        try office.loop.run { office.recorder.isClosed }
        #expect(office.recorder.text == "error: a line of more than 256 bytes\n" || office.recorder.text.isEmpty)
    }

    /// Eight commands a turn, so that a flood of them holds nobody up.
    @Test func aFloodOfCommandsIsAnsweredPieceByPiece() throws {
        let office = try Office()
        let before = office.loop.statistics.turns
        try #require(office.recorder.connection).write(String(repeating: "backend\n", count: 2000))
        try office.loop.run { office.recorder.bytes.count == 2000 * "backend: epoll-lt\n".utf8.count }
        #expect(office.loop.statistics.turns - before >= 250)
    }

    /// What comes without an end before the end of the stream is a command too.
    @Test func theLastLineNeedsNoEnd() throws {
        let office = try Office()
        let connection = try #require(office.recorder.connection)
        connection.write("backend")
        connection.closeWrite()
        try office.loop.run { office.recorder.isClosed }
        #expect(office.recorder.text == "backend: epoll-lt\n")
    }

    @Test func moreThanEightSessionsAreRefused() throws {
        let office = try Office()
        let others = try (0..<8).map { _ in
            let recorder = Recorder()
            try office.connect(recorder)
            return recorder
        }
        try office.loop.run { others.filter(\.isClosed).count == 1 }
        // A refusal of the admin socket's own, and none of the server's.
        let statistics = office.loop.statistics
        #expect(statistics.refusals[.connectionLimit] == 0 && statistics.connectionsRefused == 0)
    }

    // MARK: Times

    @Test func timesAreMeasuredWhileSomebodyLooks() throws {
        let office = try Office()
        #expect(office.loop.measuresTimes)
        try #require(office.recorder.connection).close()
        try office.loop.run { !office.loop.measuresTimes }
        office.loop.measuresTimes = true
        let again = Recorder()
        try office.connect(again)
        try office.loop.run { again.connection != nil && office.loop.connectionCount == 2 }
        try #require(again.connection).close()
        try office.loop.run { office.loop.connectionCount == 0 }
        for _ in 0..<3 { try office.loop.turn(mayWait: false) }
        #expect(office.loop.measuresTimes)
    }

    /// Clients of the admin socket are none of the server's: neither they nor their bytes are counted.
    @Test(arguments: Backend.all) func itsClientsAreNotCounted(_ backend: Backend) throws {
        let loop = try EventLoop(backend: backend)
        let folder = TemporaryFolder()
        let server = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
        try loop.serveAdministration(at: folder.path + "/s")
        let client = try TestClient(server.address)
        client.send("hello")
        try loop.run { client.has("hello") }
        let others = try EventLoop(backend: backend)
        defer { others.shutdown() }
        /// Has a client ask on a loop of its own, and waits for the answer.
        func look() throws -> Recorder {
            let looker = Recorder()
            try others.connect(
                to: .unix(folder.path + "/s"), handler: { _ in looker }, failed: { Issue.record("\($0)") })
            var hasAsked = false
            try loop.run {
                try others.turn(mayWait: false)
                if let connection = looker.connection, !hasAsked {
                    hasAsked = true
                    connection.write("backend\n")
                }
                return looker.text == "backend: \(backend)\n"
            }
            return looker
        }
        for _ in 0..<3 {
            let looker = try look()
            #expect(loop.statistics.connectionsOpened == 1 && loop.statistics.connectionsAccepted == 1)
            #expect(loop.statistics.bytesReceived == 5 && loop.statistics.bytesSent == 5)
            #expect(loop.connectionCount == 2)
            try #require(looker.connection).close()
            try loop.run {
                try others.turn(mayWait: false)
                return loop.connectionCount == 1
            }
        }
        _ = try look()
        loop.drain(within: .seconds(60))
        try loop.run { loop.connectionCount == 0 }
        loop.shutdown()
        let all = loop.statistics
        #expect(all.connectionsOpened == 1 && all.connectionsClosed == 1)
        #expect(all.drainsFinished == 1 && all.drainsAborted == 0)
        #expect(all.bytesReceived == 5 && all.bytesSent == 5)
    }

    // MARK: Several loops

    /// A server on three loops with an admin socket, and a client on a loop of its own.
    private static func withLoops(
        _ distribution: ConnectionDistribution = .roundRobin,
        _ body: (ListeningServer, (String, _ lines: Int) throws -> [String]) throws -> Void
    ) throws {
        let folder = TemporaryFolder()
        var configuration = TCPServer(on: .loopback(port: 0), loops: 3)
        configuration.distribution = distribution
        let server = try configuration.listen { _ in EchoHandler() }
        defer { server.shutdown() }
        try server.loop.serveAdministration(at: folder.path + "/s")
        let others = try EventLoop()
        defer { others.shutdown() }
        let recorder = Recorder()
        try others.connect(
            to: .unix(folder.path + "/s"), handler: { _ in recorder }, failed: { Issue.record("\($0)") })
        try body(server) { command, count in
            var before: Int?
            func answer() -> [String] {
                recorder.text.dropFirst(before ?? 0).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                    .map(String.init)
            }
            try server.loop.run {
                try others.turn(mayWait: false)
                if before == nil, let connection = recorder.connection {
                    before = recorder.text.count
                    connection.write(command + "\n")
                }
                return before != nil && answer().count >= count
            }
            return answer()
        }
    }

    private static func object(_ line: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    @Test func severalLoopsAreSummedAndShown() throws {
        try Self.withLoops { server, ask in
            let clients = try (0..<6).map { _ in try TestClient(server.address) }
            for client in clients { client.send("hello") }
            try server.loop.run { clients.allSatisfy { $0.has("hello") } }
            let stats = try Self.object(try ask("stats json", 1)[0])
            #expect(stats["accepted"] as? Int == 6 && stats["connections"] as? Int == 6)
            #expect(stats["bytesReceived"] as? Int == 30 && stats["bytesSent"] as? Int == 30)
            let loops = try #require(stats["loops"] as? [[String: Any]])
            #expect(loops.map { $0["loop"] as? Int } == [1, 2, 3])
            #expect(loops.map { $0["connections"] as? Int } == [2, 2, 2])
            let connections = try #require(
                try JSONSerialization.jsonObject(with: Data(try ask("connections json", 1)[0].utf8)) as? [[String: Any]]
            )
            #expect(connections.compactMap { $0["loop"] as? Int }.sorted() == [1, 1, 2, 2, 3, 3])
            let table = try ask("connections 5", 6)
            #expect(table[0].hasSuffix("  loop") && table.count == 6)
        }
    }

    @Test func allLoopsChangeTheSelector() throws {
        try Self.withLoops { server, ask in
            let answer = try Self.object(try ask("backend poll json", 1)[0])
            #expect(answer["backend"] as? String == "poll" && answer["former"] as? String == "epoll-lt")
            #expect(try ask("backend", 1) == ["backend: poll"])
            let stats = try Self.object(try ask("stats json", 1)[0])
            let loops = try #require(stats["loops"] as? [[String: Any]])
            #expect(loops.map { $0["backend"] as? String } == ["poll", "poll", "poll"])
            #expect(stats["switches"] as? Int == 3)
        }
    }

    /// A callback that holds a loop up does not hold the answer up.
    @Test func aLoopThatDoesNotReplyIsSaidToBeSo() throws {
        let gate = Monitor(false)
        try Self.withLoops { server, ask in
            server.handle.members[1].execute { _ in
                _ = gate.wait { $0 ? true : nil }
            }
            func open() {
                gate.withLock { $0 = true }
                gate.wakeAll()
            }
            defer { open() }
            let stats = try Self.object(try ask("stats json", 1)[0])
            let loops = try #require(stats["loops"] as? [[String: Any]])
            #expect(loops.map { $0["backend"] is NSNull } == [false, true, false])
            #expect(
                try ask("backend poll", 1) == [
                    "error: loop 2: no reply within 1 s; it switches when its callback returns"
                ])
            open()
            // The late loop has changed as well when its reply comes.
            #expect(try ask("backend", 1) == ["backend: poll"])
        }
    }

    /// Commands in one packet are answered in their order, also when other loops reply late; and so is one at the end of
    /// the stream, without its newline.
    @Test func commandsAreAnsweredInTheirOrder() throws {
        try Self.withLoops { server, ask in
            let words = (0..<50).map { $0 % 2 == 0 ? "backend" : "nonsense" }
            let lines = try ask(words.joined(separator: "\n"), 50)
            #expect(
                lines
                    == words.map {
                        $0 == "backend" ? "backend: epoll-lt" : "error: unknown command 'nonsense'; try help"
                    })
        }
    }

    /// A drain does not wait for somebody who looks.
    @Test func aDrainEndsIt() throws {
        let office = try Office()
        office.loop.drain(within: .seconds(60))
        let start = ContinuousClock.now
        while office.loop.connectionCount > 0 { try office.loop.turn() }
        #expect(ContinuousClock.now - start < .seconds(10))
    }
}
