// `reactor echo`: the echo server as a program.

import ArgumentParser
import Demos
import Reactor
import SystemPackage

struct EchoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo",
        abstract: "Run an echo server, which returns whatever a client sends.",
        discussion: """
            Try it with:  nc 127.0.0.1 7788  (nc -U PATH with --unix PATH, nc -u 127.0.0.1 7788 with --udp)
            Prints one line when it listens, and a summary when it ends. SIGINT (ctrl-C) and SIGTERM drain: the server \
            accepts no new connections, sends queued output and exits with status 0; a second signal ends it at once.
            SIGUSR2 restarts it without losing a connection attempt: a new process inherits the listening sockets, and \
            the old one drains once the new one serves. Inherited sockets (LISTEN_FDS, as passed by systemd) take \
            precedence over --listen.
            """)

    @Option(
        help: ArgumentHelp(
            "Listen on a Unix socket instead; @NAME is an abstract name. A stale socket file is replaced.",
            valueName: "path"),
        transform: AddressArgument.parseUnix)
    var unix: SocketAddress?

    @Option(help: "Serve connections with a handler that is called, or with an async task.")
    var style = StyleArgument.handler

    @Flag(help: "Return ASCII letters in upper case.")
    var upper = false

    @Flag(help: "Echo line by line: lines of at most 64 KiB, each returned with a newline at its end.")
    var lines = false

    @Flag(
        help: """
            Echo line by line, or datagram by datagram, each preceded by the time of day in UTC: \
            2026-11-28T19:07:30.123Z hello
            """)
    var time = false

    @OptionGroup var udp: DatagramEchoOptions

    @OptionGroup var rates: RateOptions
    @OptionGroup var serving: ServingOptions

    @Flag(help: "Print all of the loop's counters on exit.")
    var stats = false

    func validate() throws {
        if serving.listen != nil && unix != nil {
            throw ValidationError("--listen and --unix exclude each other; choose one")
        }
        if udp.isWanted && unix != nil {
            throw ValidationError("--udp and --unix exclude each other; use --listen HOST:PORT with --udp")
        }
        if udp.isWanted, let listen = serving.listen, listen.isUnix {
            throw ValidationError("--udp needs an address with a port, but --listen is \(listen); use HOST:PORT")
        }
        if upper && lines { throw ValidationError("--upper and --lines exclude each other; choose one") }
        if upper && time { throw ValidationError("--upper and --time exclude each other; choose one") }
        if udp.isWanted && style == .async {
            throw ValidationError("--style async serves connections and --udp has none; choose one")
        }
        if udp.unlimitedReplies && !udp.isWanted {
            throw ValidationError("--unlimited-replies has no effect without --udp; add --udp")
        }
        let policy = serving.server
        if udp.isWanted, !policy.allow.isEmpty || !policy.deny.isEmpty || policy.proxyProtocol != nil {
            throw ValidationError(
                "--allow, --deny and --proxy-protocol apply to connections and --udp has none; use a packet filter")
        }
        if udp.isWanted && lines { throw ValidationError("--lines is for connections and --udp has none; choose one") }
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
        case .async where time: try server.listenServing(on: loop, AsyncEcho.serveLinesWithTime(clock: WallClock.now))
        case .async:
            try server.listenServing(
                on: loop,
                lines ? AsyncEcho.serveLines : upper ? AsyncEcho.serveInUpperCase : AsyncEcho.serve)
        }
    }

    private func makeDatagramHandler() -> any DatagramHandler {
        if time { return TimeDatagramEcho(clock: WallClock.now) }
        return if upper { UpperCaseDatagramEcho() } else { DatagramEcho() }
    }

    /// The summary of a run as text.
    private enum Summary {
        static func line(_ counters: LoopStatistics) -> String {
            let drained =
                counters.drainsFinished + counters.drainsAborted == 0
                ? "" : "; drained: \(counters.drainsFinished) finished, \(counters.drainsAborted) aborted"
            return """
                served \(counted(counters.connectionsOpened, "connection")) (\(counters.connectionsRefused) refused), \
                \(counters.bytesReceived) bytes received, \(counters.bytesSent) sent\(drained)
                """
        }

        static func table(_ counters: LoopStatistics) -> String {
            let refusals = Refusal.all.filter { counters.refusals[$0] > 0 }
            let rows: [(String, Int)] = [
                ("loop turns", counters.turns),
                ("events", counters.events),
                ("stale events dropped", counters.staleEvents),
                ("connections opened", counters.connectionsOpened),
                ("connections closed", counters.connectionsClosed),
                ("connections refused", counters.connectionsRefused),
                ("accept pauses", counters.acceptPauses),
                ("receives", counters.receives),
                ("sends", counters.sends),
                ("read pauses from backpressure", counters.pressurePauses),
                ("timers fired", counters.timersFired),
                ("tasks run", counters.tasksRun),
                ("jobs of Swift tasks run", counters.jobsRun),
                ("slow callbacks", counters.slowCallbacks),
                ("errors thrown by handlers", counters.handlerErrors),
                ("connections closed for malformed messages", counters.framingErrors),
            ]
            let all = rows + refusals.map { ("refused: \($0)", counters.refusals[$0]) }
            return all.map { "  \(String(repeating: " ", count: max(0, 12 - "\($0.1)".count)))\($0.1)  \($0.0)" }
                .joined(separator: "\n")
        }
    }
}
