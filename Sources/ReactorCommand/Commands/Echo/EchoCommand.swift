// `reactor echo`: the echo server as a program.

import ArgumentParser
import Demos
import Reactor
import SystemPackage

struct EchoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo",
        abstract: "Run an echo server: what a client sends comes back.",
        discussion: """
            Try it with:  nc 127.0.0.1 7788  (nc -U PATH with --unix PATH, nc -u 127.0.0.1 7788 with --udp)
            It prints one line when it listens, and a summary when it ends. SIGINT (ctrl-C) and SIGTERM drain: no new \
            connections, what is queued is sent, then it exits with status 0; a second one ends it at once.
            SIGUSR2 restarts it without losing a connection attempt: the same program is started with the listening \
            sockets, and when it serves, this one drains. Sockets that it was started with are used in place of --listen \
            (LISTEN_FDS, as systemd passes them).
            """)

    @Option(
        help: ArgumentHelp(
            "Listen on a Unix socket instead; @NAME is an abstract name. A path that a server left behind is replaced.",
            valueName: "path"),
        transform: AddressArgument.parseUnix)
    var unix: SocketAddress?

    @Option(help: "How connections are served: by a handler that is called, or by a task that waits.")
    var style = StyleArgument.handler

    @Flag(help: "Answer in upper case (ASCII letters).")
    var upper = false

    @Flag(help: "Answer line by line: a message is a line of at most 64 KiB, and its answer ends with a newline.")
    var lines = false

    @Flag(
        help: """
            Answer line by line, or datagram by datagram, each behind the time of day in UTC: \
            2026-11-28T19:07:30.123Z hello
            """)
    var time = false

    @OptionGroup var udp: DatagramEchoOptions

    @OptionGroup var rates: RateOptions
    @OptionGroup var serving: ServingOptions

    @Flag(help: "Print all of the loop's counters at the end.")
    var stats = false

    func validate() throws {
        if serving.listen != nil && unix != nil {
            throw ValidationError("--listen and --unix are two places: choose one")
        }
        if udp.isWanted && unix != nil {
            throw ValidationError("--udp needs an address with a port; give it with --listen")
        }
        if udp.isWanted, let listen = serving.listen, listen.isUnix {
            throw ValidationError("--udp needs an address with a port, and --listen is \(listen): write HOST:PORT")
        }
        if upper && lines { throw ValidationError("--upper answers bytes and --lines answers lines: choose one") }
        if upper && time { throw ValidationError("--upper and --time are two answers: choose one") }
        if udp.isWanted && style == .async {
            throw ValidationError("--style async serves connections, and --udp has none: choose one")
        }
        if udp.unlimitedAnswers && !udp.isWanted {
            throw ValidationError("--unlimited-answers is for --udp: give both")
        }
        if udp.isWanted && lines { throw ValidationError("--lines is for connections, not for datagrams") }
    }

    func run() throws {
        var program = ServerProgram(serving)
        program.adjust = rates.apply
        let counters: LoopStatistics
        let summary: String
        if udp.isWanted {
            program.kind = .datagram
            var datagrams: [DatagramSocket] = []
            counters = try program.run { loop, server throws(SocketError) in
                datagrams = try udp.serve(
                    server, on: serving.listen ?? Self.defaultAddress, loop, handler: makeDatagramHandler())
                return .other
            }
            summary = DatagramStatistics.summary(datagrams)
        } else {
            counters = try program.serve(at: unix ?? Self.defaultAddress, listen)
            summary = Summary.line(counters)
        }
        ServerLog.print(summary)
        if stats { ServerLog.print(Summary.table(counters)) }
    }

    private static let defaultAddress = SocketAddress.loopback(port: 7788)

    private func listen(_ server: TCPServer, _ loop: EventLoop) throws(SocketError) -> ListeningServer {
        switch style {
        case .handler:
            try server.listen(on: loop) { [upper, lines, time] _ in
                { _ in
                    if time { return TimeEcho(clock: WallClock.now).framed(by: .lines()) }
                    if lines { return LineEcho().framed(by: .lines()) }
                    return if upper { UpperCaseEcho() } else { Echo() }
                }
            }
        case .async where time: try server.listen(on: loop, serving: AsyncEcho.serveLinesWithTime(clock: WallClock.now))
        case .async:
            try server.listen(
                on: loop,
                serving: lines ? AsyncEcho.serveLines : upper ? AsyncEcho.serveInUpperCase : AsyncEcho.serve)
        }
    }

    private func makeDatagramHandler() -> any DatagramHandler {
        if time { return TimeDatagramEcho(clock: WallClock.now) }
        return if upper { UpperCaseDatagramEcho() } else { DatagramEcho() }
    }

    /// What the server did, in words.
    private enum Summary {
        static func line(_ counters: LoopStatistics) -> String {
            let drained =
                counters.drainsFinished + counters.drainsAborted == 0
                ? "" : "; drained: \(counters.drainsFinished) finished, \(counters.drainsAborted) aborted"
            return """
                served \(counters.connectionsOpened) connections (\(counters.connectionsRefused) refused), \
                \(counters.bytesReceived) bytes received, \(counters.bytesSent) sent\(drained)
                """
        }

        static func table(_ counters: LoopStatistics) -> String {
            let refusals = Refusal.all.filter { counters.refusals[$0] > 0 }
            let rows: [(String, Int)] = [
                ("turns of the loop", counters.turns),
                ("events", counters.events),
                ("events of closed registrations, dropped", counters.staleEvents),
                ("connections opened", counters.connectionsOpened),
                ("connections closed", counters.connectionsClosed),
                ("connections refused", counters.connectionsRefused),
                ("pauses of accepting", counters.acceptPauses),
                ("receives", counters.receives),
                ("sends", counters.sends),
                ("pauses of reading because a peer did not read", counters.pressurePauses),
                ("timers fired", counters.timersFired),
                ("tasks run", counters.tasksRun),
                ("jobs of Swift's tasks run", counters.jobsRun),
                ("slow callbacks", counters.slowCallbacks),
                ("handlers that threw", counters.handlerErrors),
                ("connections that sent what is no message", counters.framingErrors),
            ]
            let all = rows + refusals.map { ("refused: \($0)", counters.refusals[$0]) }
            return all.map { "  \(String(repeating: " ", count: max(0, 12 - "\($0.1)".count)))\($0.1)  \($0.0)" }
                .joined(separator: "\n")
        }
    }
}
