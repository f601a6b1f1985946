// `reactor chat join`: a client for a terminal, and for a pipe. Standard input and the socket are watched by one loop.
//
// Standard output is written to as it comes and may make this program wait, which harms nobody else: the server has a
// policy for those who do not read.

import ArgumentParser
import Demos
import Reactor

struct ChatJoinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Take part in a chat.",
        discussion: """
            On a terminal it edits lines: arrows, Home, End, ctrl-A, ctrl-E, ctrl-U, ctrl-W, ctrl-K, up and down for what \
            was written before; ctrl-D on an empty line or ctrl-C leaves. What others say does not tear the line.
            From a pipe or a file it sends line after line, no faster than --rate, and ends when the server has \
            answered.
            """)

    @Argument(
        help: ArgumentHelp("Where the server is, HOST:PORT. (default: 127.0.0.1:7789)", valueName: "address"),
        transform: AddressArgument.parse)
    var address = SocketAddress.ipv4(127, 0, 0, 1, port: 7789)

    @Option(help: ArgumentHelp("The name to come in with. (default: the first line)", valueName: "name"))
    var name: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Lines a second from a pipe or a file, so that no server takes it for a flood. (default: 4)", valueName: "n"
        ),
        transform: CountArgument.parse)
    var rate = 4

    @Option(
        help: ArgumentHelp(
            "How the loop finds out what is ready: \(BackendArgument.names). (default: epoll-lt)", valueName: "name"),
        transform: BackendArgument.parse)
    var backend = Backend.epoll(.levelTriggered)

    func run() throws {
        let outcome: ChatOutcome
        do throws(SocketError) { outcome = try chat() } catch { throw CommandFailure("\(error)") }
        if let signal = outcome.signal { throw ExitCode(128 + signal.rawValue) }
        if let failure = outcome.failure { throw CommandFailure(failure) }
    }

    private func chat() throws(SocketError) -> ChatOutcome {
        let loop = try EventLoop(backend: backend)
        StandardOutput.stopsOnFailure(loop)
        let outcome = ChatOutcome(loop)
        // Every way out restores the terminal: an error, a signal, the end.
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
        // SIGQUIT has no name of its own in the framework.
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

/// How it ended; the loop stops then.
final class ChatOutcome {
    private let loop: EventLoop
    private(set) var failure: String?
    private(set) var signal: Signal?
    /// The user wants to leave, so that the end is no surprise.
    var isLeaving = false
    /// The last line of the server was its goodbye: whoever is dropped, or was silent for too long, hears none.
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
        case .ended: failure = "the server has ended the conversation"
        default: if !isLeaving { failure = "the chat ended: \(reason)" }
        }
        loop.stop()
    }
}
