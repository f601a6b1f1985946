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
            Try it with:  nc 127.0.0.1 7788
            It prints one line when it listens, and a summary when it ends. SIGINT (ctrl-C) and SIGTERM drain: no new \
            connections, what is queued is sent, then it exits with status 0; a second one ends it at once.
            """)

    @Option(
        help: ArgumentHelp(
            "Where to listen, HOST:PORT; port 0 lets the system choose. (default: 127.0.0.1:7788)", valueName: "address"
        ),
        transform: AddressArgument.parse)
    var listen = SocketAddress.ipv4(127, 0, 0, 1, port: 7788)

    @Option(
        help: ArgumentHelp(
            "How the loop finds out what is ready: \(BackendArgument.names). (default: epoll-lt)", valueName: "name"),
        transform: BackendArgument.parse)
    var backend = Backend.epoll(.levelTriggered)

    @Flag(help: "Answer in upper case (ASCII letters).")
    var upper = false

    @Flag(help: "Answer line by line: a message is a line of at most 64 KiB, and its answer ends with a newline.")
    var lines = false

    @OptionGroup var udp: DatagramEchoOptions

    @OptionGroup var limits: LimitOptions

    @OptionGroup var operation: OperationOptions

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
        if upper && lines { throw ValidationError("--upper answers bytes and --lines answers lines: choose one") }
        if udp.isWanted && lines { throw ValidationError("--lines is for connections, not for datagrams") }
    }

    func run() throws {
        if let cpu { try Processor.pin(to: cpu) }
        let loop: EventLoop
        do throws(SocketError) {
            loop = try EventLoop(backend: backend, kernel: operation.kernel)
        } catch {
            throw CommandFailure("\(error)")
        }
        let descriptorLimit = loop.capabilities.descriptorLimit
        try limits.check(backend, descriptorLimit: descriptorLimit)
        do throws(SocketError) {
            loop.onReport = { StandardError.write("reactor: \($0)\n") }
            let datagrams = try serve(on: listen, loop, limits.limits(descriptorLimit: descriptorLimit))
            print(datagrams.map { DatagramEchoOptions.summary($0.statistics) } ?? Summary.line(loop.statistics))
            if stats { print(Summary.table(loop.statistics)) }
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    /// Serves until the end; answers the datagram socket, if it was one.
    private func serve(on address: SocketAddress, _ loop: EventLoop, _ limits: Limits) throws(SocketError)
        -> DatagramSocket?
    {
        var datagrams: DatagramSocket?
        do throws(SocketError) {
            // Blocked before anybody can know that the server is there.
            for signal in [Signal.interrupt, .terminate] {
                try loop.watchSignal(signal) {
                    if loop.isDraining { loop.stop() } else { loop.drain(within: drain) }
                }
            }
            // Whoever asks for this writes nothing: whatever is told about the pipe is that its other end is gone.
            if endWithInput { try loop.watch(.standardInput, for: .readable) { _ in loop.stop() } }
            try operation.begin(on: loop)
            if udp.isWanted {
                datagrams = try udp.serve(on: address, loop, upper: upper)
            } else {
                let listener = try listen(on: address, loop, limits)
                let most = limits.effectiveConnections()
                print("listening on \(listener.address) (\(backend), at most \(most) connections)")
            }
            StandardOutput.flush()
        } catch {
            loop.shutdown()
            throw error
        }
        try loop.run()
        return datagrams
    }

    private func listen(on address: SocketAddress, _ loop: EventLoop, _ limits: Limits) throws(SocketError) -> Listener
    {
        if lines { return try loop.listen(on: address, limits: limits, framing: .lines()) { _ in LineEcho() } }
        return try loop.listen(on: address, limits: limits) { [upper] _ in
            if upper { UpperCaseEcho() } else { Echo() }
        }
    }

    /// What the server did, in words.
    private enum Summary {
        static func line(_ counters: LoopStatistics) -> String {
            """
            served \(counters.connectionsOpened) connections (\(counters.connectionsRefused) refused), \
            \(counters.bytesReceived) bytes received, \(counters.bytesSent) sent
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
