// `reactor chat serve`: the chat server as a program.

import ArgumentParser
import Demos
import Reactor

struct ChatServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run a chat server.",
        discussion: """
            Try it with:  reactor chat join 127.0.0.1:7789  or  nc 127.0.0.1 7789
            A client sends lines and gets lines; its first line is its name, and /help lists the commands. Several \
            servers with one --backplane share their rooms. SIGINT (ctrl-C) and SIGTERM drain: members are told, what \
            is queued is sent, then it exits with status 0; a second one ends it at once.
            """)

    @Option(
        help: ArgumentHelp(
            "Where to listen, HOST:PORT; port 0 lets the system choose. (default: 127.0.0.1:7789)", valueName: "address"
        ),
        transform: AddressArgument.parse)
    var listen = SocketAddress.ipv4(127, 0, 0, 1, port: 7789)

    @Option(
        help: ArgumentHelp(
            "How the loop finds out what is ready: \(BackendArgument.names). (default: epoll-lt)", valueName: "name"),
        transform: BackendArgument.parse)
    var backend = Backend.epoll(.levelTriggered)

    @Option(
        help: ArgumentHelp(
            """
            Share rooms with other servers through a Redis, redis://HOST:PORT. Messages, joins and leaves reach all \
            servers, at most once; without Redis each goes on alone.
            """, valueName: "url"),
        transform: RedisArgument.parse)
    var backplane: String?

    @Option(
        help: ArgumentHelp(
            "What this server is called among others; its members are NAME@SERVER there. (default: a random name)",
            valueName: "name"),
        transform: ChatServeCommand.parseName)
    var name: String?

    @Option(help: ArgumentHelp("The channel of Redis that the servers have in common.", valueName: "name"))
    var channel = "reactor-chat"

    @OptionGroup var chat: ChatOptions
    @OptionGroup var limits: LimitOptions
    @OptionGroup var operation: OperationOptions
    @OptionGroup var server: ServerOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long to drain when asked to end. (default: 5s)", valueName: "time"),
        transform: DurationArgument.required)
    var drain = Duration.seconds(5)

    func validate() throws {
        if server.loops > 1 {
            throw ValidationError("a chat runs on one loop; more servers share its rooms with --backplane")
        }
    }

    func run() throws {
        let loop: EventLoop
        do throws(SocketError) {
            loop = try EventLoop(backend: backend, kernel: operation.kernel)
        } catch {
            throw CommandFailure("\(error)")
        }
        let descriptorLimit = loop.capabilities.descriptorLimit
        try limits.check(backend, descriptorLimit: descriptorLimit)
        // A member may be silent for long, and takes a while to think of a name; keep-alive finds those who are gone.
        var limits = limits.limits(descriptorLimit: descriptorLimit, idle: .seconds(3600), firstMessage: .seconds(60))
        // The kernel would keep up to 4 MiB for each member who does not read, and nobody would notice it for as long.
        limits.sendBuffer = 32 * 1024
        var server = server.server(on: listen, backend, limits)
        server.onReport = { StandardError.write("reactor: \($0)\n") }
        let members = ChatServer(name: name ?? "chat-\(UInt16.random(in: 0x1000...0xffff))", limits: chat.limits)
        do throws(SocketError) {
            try serve(members, server, loop)
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    private func serve(_ chat: ChatServer, _ server: TCPServer, _ loop: EventLoop) throws(SocketError) {
        var redis: RedisBackplane?
        var running: ListeningServer?
        do throws(SocketError) {
            // Blocked before anybody can know that the server is there.
            for signal in [Signal.interrupt, .terminate] {
                try loop.watchSignal(signal) {
                    if loop.isDraining { return loop.stop() }
                    chat.shutdown()
                    redis?.stop()
                    running?.handle.drain(within: drain)
                }
            }
            try operation.begin(on: loop)
            if let backplane {
                redis = try RedisBackplane(chat, through: backplane, channel: channel, on: loop) {
                    StandardError.write("reactor: \($0)\n")
                }
            }
            let listening = try listen(chat, server, loop)
            running = listening
            print(
                "listening on \(listening.address) (\(chat.name), \(backend), at most"
                    + " \(server.limits.effectiveConnections()) connections)")
            StandardOutput.flush()
        } catch {
            loop.shutdown()
            throw error
        }
        try running?.run()
        print(Self.summary(chat.statistics, loop.statistics, redis))
    }

    private func listen(_ chat: ChatServer, _ server: TCPServer, _ loop: EventLoop) throws(SocketError)
        -> ListeningServer
    {
        let framing = ChatSession.framing(self.chat.limits)
        // Safe: with one loop, which is this thread's, nobody else makes handlers.
        nonisolated(unsafe) let chat = chat
        return try server.listen(on: loop) { _ in
            { _ in ChatSession(unsafe chat).framed(by: framing) }
        }
    }

    private static func summary(
        _ chat: ChatServer.Statistics, _ counters: LoopStatistics, _ redis: RedisBackplane?
    ) -> String {
        var text = """
            served \(counters.connectionsOpened) connections (\(counters.connectionsRefused) refused), \(chat.said) \
            lines said, \(chat.delivered) delivered, \(chat.droppedAsSlow) members dropped as slow, \
            \(chat.droppedAsFlood) for flooding
            """
        if let redis {
            text += "\nbackplane: \(redis.published) events published, \(redis.dropped) dropped without Redis, "
            text += "\(redis.refused) refused"
        }
        return text
    }

    private static func parseName(_ text: String) throws -> String {
        guard ChatServer.isName(text) else {
            throw ValidationError("a server's name has 1 to 16 lower-case letters, digits or '-'")
        }
        return text
    }
}
