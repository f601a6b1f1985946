// `reactor chat join`: a client for terminals and pipes. One loop watches standard input and the socket.
//
// Standard output is written synchronously and may block this program. That harms no other member: the server has a
// policy for clients that do not read.

import ArgumentParser
import Demos
import Reactor

struct ChatJoinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Join a chat.",
        discussion: """
            On a terminal, lines can be edited: arrows, Home, End, ctrl-A, ctrl-E, ctrl-U, ctrl-W, ctrl-K, up and \
            down for the history; ctrl-D on an empty line or ctrl-C leaves. Incoming messages do not disturb the line \
            being typed.
            From a pipe or a file, lines are sent no faster than --rate, and the client exits after the server's last \
            reply.
            """)

    @Argument(
        help: ArgumentHelp("The server, HOST:PORT. (default: 127.0.0.1:7789)", valueName: "address"),
        transform: AddressArgument.parse)
    var address = SocketAddress.ipv4(127, 0, 0, 1, port: 7789)

    @Option(help: ArgumentHelp("The name to join with. (default: the first line of input)", valueName: "name"))
    var name: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Lines per second from a pipe or a file, to stay below the server's limit. (default: 4)", valueName: "n"
        ),
        transform: CountArgument.parse)
    var rate = 4

    @OptionGroup var selector: BackendOptions

    func run() throws {
        let outcome: ChatOutcome
        do throws(SocketError) { outcome = try chat() } catch { throw CommandFailure("\(error)") }
        if let signal = outcome.signal { throw ExitCode(128 + signal.rawValue) }
        if let failure = outcome.failure { throw CommandFailure(failure) }
    }

    private func chat() throws(SocketError) -> ChatOutcome {
        let loop = try EventLoop(backend: selector.backend)
        StandardOutput.stopsOnFailure(loop)
        let outcome = ChatOutcome(loop)
        // Restores the terminal on every exit path: an error, a signal, the end of the connection.
        let terminal = RawTerminal()
        defer { terminal?.restore() }
        do throws(SocketError) {
            try begin(loop, terminal, outcome)
        } catch {
            loop.shutdown()
            throw error
        }
        try loop.run()
        return outcome
    }

    private func begin(_ loop: EventLoop, _ terminal: RawTerminal?, _ outcome: ChatOutcome) throws(SocketError) {
        let output = ChatOutput(loop)
        let screen = terminal.map { ChatScreen($0, output) }
        let client = ChatClient(
            on: loop, allowance: terminal == nil ? TokenBucket(perSecond: rate, burst: rate) : nil,
            line: { line in
                outcome.hasHeardGoodbye = line.hasSuffix("goodbye")
                if let screen { screen.show(line) } else { output.write(line + "\n") }
            },
            ended: { outcome.ended($0) })
        if let name { client.send(name.utf8) }
        // 3 is SIGQUIT, which the framework has no constant for.
        for signal in [Signal.interrupt, .terminate, .hangUp, Signal(rawValue: 3)] {
            try loop.watchSignal(signal) { outcome.received(signal) }
        }
        var limits = Limits()
        limits.idleTime = nil
        try loop.connect(
            to: address, limits: limits, framing: .lines(), handler: { _ in client },
            failed: { outcome.failed("\($0)") })
        if let screen {
            try loop.watchSignal(.windowChanged) { screen.redraw() }
            try screen.begin(on: loop, client) { outcome.isLeaving = true }
        } else {
            try ChatPipe(client).begin(on: loop) { outcome.isLeaving = true }
        }
    }
}

/// The outcome of the chat. Recording it stops the loop.
final class ChatOutcome {
    private let loop: EventLoop
    private(set) var failure: String?
    private(set) var signal: Signal?
    /// Whether the user has asked to leave, so that the end of the connection is expected.
    var isLeaving = false
    /// Whether the server's last line was its goodbye. A member that is dropped or times out receives none.
    var hasHeardGoodbye = false

    init(_ loop: EventLoop) { self.loop = loop }

    func received(_ signal: Signal) {
        self.signal = signal
        loop.stop()
    }

    func failed(_ reason: String) {
        failure = reason
        loop.stop()
    }

    func ended(_ reason: CloseReason) {
        switch reason.kind {
        case .loopEnded: break
        case .ended where isLeaving || hasHeardGoodbye: break
        case .ended: failure = "the server closed the connection without a goodbye"
        default: if !isLeaving { failure = "the chat ended: \(reason)" }
        }
        loop.stop()
    }
}
