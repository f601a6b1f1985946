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
            Try it with:  nc 127.0.0.1 7788  (or nc -U PATH, with --unix PATH)
            It prints one line when it listens, and a summary when it ends. SIGINT (ctrl-C) and SIGTERM drain: no new \
            connections, what is queued is sent, then it exits with status 0; a second one ends it at once.
            SIGUSR2 restarts it without losing a connection attempt: the same program is started with the listening \
            sockets, and when it serves, this one drains. Sockets that it was started with are used in place of --listen \
            (LISTEN_FDS, as systemd passes them).
            """)

    @Option(
        help: ArgumentHelp(
            "Where to listen, HOST:PORT; port 0 lets the system choose. (default: 127.0.0.1:7788)", valueName: "address"
        ),
        transform: AddressArgument.parse)
    var listen: SocketAddress?

    @Option(
        help: ArgumentHelp(
            "Listen on a Unix socket instead; @NAME is an abstract name. A path that a server left behind is replaced.",
            valueName: "path"),
        transform: AddressArgument.parseUnix)
    var unix: SocketAddress?

    @Option(
        help: ArgumentHelp(
            "How the loop finds out what is ready: \(BackendArgument.names). (default: epoll-lt)", valueName: "name"),
        transform: BackendArgument.parse)
    var backend = Backend.epoll(.levelTriggered)

    @Option(help: "How connections are served: by a handler that is called, or by a task that waits.")
    var style = StyleArgument.handler

    @Flag(help: "Answer in upper case (ASCII letters).")
    var upper = false

    @Flag(help: "Answer line by line: a message is a line of at most 64 KiB, and its answer ends with a newline.")
    var lines = false

    @OptionGroup var udp: DatagramEchoOptions

    @OptionGroup var limits: LimitOptions
    @OptionGroup var rates: RateOptions

    @OptionGroup var operation: OperationOptions

    @OptionGroup var server: ServerOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long to drain when asked to end. (default: 5s)", valueName: "time"),
        transform: DurationArgument.required)
    var drain = Duration.seconds(5)

    @Flag(help: "Print all of the loop's counters at the end.")
    var stats = false

    @Option(help: ArgumentHelp("Stay on this processor.", visibility: .hidden))
    var cpu: Int?

    @Flag(help: ArgumentHelp("End when standard input does: who wanted this server is gone.", visibility: .hidden))
    var endWithInput = false

    func validate() throws {
        if listen != nil && unix != nil {
            throw ValidationError("--listen and --unix are two places: choose one")
        }
        if udp.isWanted && unix != nil {
            throw ValidationError("--udp needs an address with a port; give it with --listen")
        }
        if upper && lines { throw ValidationError("--upper answers bytes and --lines answers lines: choose one") }
        if udp.isWanted && style == .async {
            throw ValidationError("--style async serves connections, and --udp has none: choose one")
        }
        if udp.isWanted && lines { throw ValidationError("--lines is for connections, not for datagrams") }
    }

    func run() throws {
        if let cpu { try Processor.pin(to: cpu) }
        let loop: EventLoop
        let inheritance: Inheritance?
        do throws(SocketError) {
            inheritance = try Inheritance.take()
            loop = try EventLoop(backend: backend, kernel: operation.kernel)
        } catch {
            throw CommandFailure("\(error)")
        }
        let descriptorLimit = loop.capabilities.descriptorLimit
        try limits.check(backend, descriptorLimit: descriptorLimit)
        do throws(SocketError) {
            var limits = limits.limits(descriptorLimit: descriptorLimit)
            rates.apply(to: &limits)
            var server = server.server(
                on: unix ?? listen ?? .loopback(port: 7788), backend, limits)
            server.inheritance = inheritance
            server.onReport = { StandardError.write("reactor: \($0)\n") }
            let (summary, counters) = try serve(server, loop)
            print(summary)
            if stats { print(Summary.table(counters)) }
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    /// Serves until the end; answers what there is to say about it.
    private func serve(_ server: TCPServer, _ loop: EventLoop) throws(SocketError) -> (String, LoopStatistics) {
        var datagrams: DatagramSocket?
        var running: ListeningServer?
        do throws(SocketError) {
            // Blocked before anybody can know that the server is there.
            for signal in [Signal.interrupt, .terminate] {
                try loop.watchSignal(signal) {
                    switch (running, loop.isDraining) {
                    case (let server?, false): server.handle.drain(within: drain)
                    case (let server?, true): server.handle.stop()
                    case (nil, false): loop.drain(within: drain)
                    case (nil, true): loop.stop()
                    }
                }
            }
            try loop.watchSignal(.user2) { if let running { Restart.begin(running, drainingWithin: drain) } }
            // Whoever asks for this writes nothing: whatever is told about the pipe is that its other end is gone.
            if endWithInput { try loop.watch(.standardInput, for: .readable) { _ in loop.stop() } }
            try operation.begin(on: loop)
            if udp.isWanted {
                datagrams = try udp.serve(on: server.address, loop, upper: upper)
            } else {
                running = try listen(server, loop)
            }
            StandardOutput.flush()
        } catch {
            loop.shutdown()
            throw error
        }
        if let running {
            try running.run()
            let total = running.finalStatistics.total
            return (Summary.line(total), total)
        }
        try loop.run()
        return (datagrams.map { DatagramEchoOptions.summary($0.statistics) } ?? "", loop.statistics)
    }

    private func listen(_ server: TCPServer, _ loop: EventLoop) throws(SocketError) -> ListeningServer {
        let listening =
            switch style {
            case .handler:
                try server.listen(on: loop) { [upper, lines] _ in
                    { _ in
                        if lines { return LineEcho().framed(by: .lines()) }
                        return if upper { UpperCaseEcho() } else { Echo() }
                    }
                }
            case .async:
                try server.listen(
                    on: loop,
                    serving: lines
                        ? AsyncEcho.serveLines : upper ? AsyncEcho.serveInUpperCase : AsyncEcho.serve)
            }
        let loops = server.loops == 1 ? "" : "\(server.loops) loops, "
        let most = server.limits.effectiveConnections()
        print("listening on \(listening.address) (\(backend), \(loops)at most \(most) connections)")
        return listening
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
