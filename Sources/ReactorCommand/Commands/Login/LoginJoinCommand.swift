// `reactor login join`: a client that shows the server's lines and sends the typed ones, but does not echo passwords.

import ArgumentParser
import Demos
import Reactor

struct LoginJoinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Log in to a server.",
        discussion: """
            Try it with:  reactor login join 127.0.0.1:7791
            From a pipe, the first line is the user and the second the password. ctrl-D logs out.
            """)

    @Argument(
        help: ArgumentHelp("The server, HOST:PORT. (default: 127.0.0.1:7791)", valueName: "address"),
        transform: AddressArgument.parse)
    var address = SocketAddress.loopback(port: 7791)

    func run() throws {
        var failure: String?
        let hidden = HiddenInput()
        // Restores echo on every exit path: an error, a signal, the end of the connection.
        defer { hidden?.show() }
        var received: Signal?
        do throws(SocketError) {
            let loop = try EventLoop()
            StandardOutput.stopsOnFailure(loop)
            do throws(SocketError) {
                for signal in [Signal.interrupt, .terminate, .hangUp, Signal(rawValue: 3)] {
                    try loop.watchSignal(signal) {
                        received = signal
                        loop.stop()
                    }
                }
                var limits = Limits()
                limits.idleTime = nil
                try loop.connect(
                    to: address, limits: limits, framing: .lines(),
                    handler: { _ in
                        LoginClient(hidden) { reason in
                            failure = reason
                            loop.stop()
                        }
                    },
                    failed: {
                        failure = "\($0)"
                        loop.stop()
                    })
            } catch {
                loop.shutdown()
                throw error
            }
            try loop.run()
        } catch {
            throw CommandFailure("\(error)")
        }
        if let received { throw ExitCode(128 + received.rawValue) }
        if let failure { throw CommandFailure(failure) }
    }
}

/// The client's end of the connection.
private final class LoginClient: MessageHandler {
    private let hidden: HiddenInput?
    private let ended: (String?) -> Void
    private var input: InputWatch?
    private var wasIn = false
    private var lastLine = ""

    init(_ hidden: HiddenInput?, ended: @escaping (String?) -> Void) {
        self.hidden = hidden
        self.ended = ended
    }

    func connected(_ connection: Connection) throws {
        input = try InputWatch(
            on: connection.loop,
            received: { [self] bytes in
                if bytes.contains(UInt8(ascii: "\n")) { hidden?.show() }
                // While the server does not read, standard input is not read either.
                if connection.write(bytes) == .pressure { input?.isPaused = true }
            },
            ended: { [self] in
                input = nil
                connection.closeWrite()
            })
    }

    func drained(_ connection: Connection) { input?.isPaused = false }

    func received(message: RawSpan, on connection: Connection) {
        let text = PrintableText.sanitized(Array(message))
        if text == LoginSession.passwordPrompt { hidden?.hide() }
        if text.hasPrefix("* welcome") { wasIn = true }
        lastLine = text
        // On a terminal the user types on the line of the prompt.
        let isPrompt = hidden != nil && (text == LoginSession.namePrompt || text == LoginSession.passwordPrompt)
        StandardOutput.print(text, terminator: isPrompt ? " " : "\n")
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        input = nil
        let isWell = wasIn && (reason.kind == .ended || reason.kind == .closed)
        let why = lastLine.hasPrefix("! ") ? String(lastLine.dropFirst(2)) : "the connection ended: \(reason)"
        ended(isWell ? nil : why)
    }
}
