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
            Clients send and receive lines; the first line is the member's name, and /help lists the commands. Servers \
            with the same --backplane share their rooms. SIGINT (ctrl-C) and SIGTERM drain: the server notifies the \
            members, sends queued output and exits with status 0; a second signal ends it at once. SIGUSR2 does not \
            restart it.
            """)

    @Option(
        help: ArgumentHelp(
            """
            Share rooms with other servers through Redis, redis://HOST:PORT. Messages, joins and leaves reach all \
            servers at most once; while Redis is unreachable, each server continues alone.
            """, valueName: "url"),
        transform: RedisArgument.init)
    var backplane: RedisArgument?

    @Option(
        help: ArgumentHelp(
            "This server's name; other servers show its members as NAME@SERVER. (default: a random name)",
            valueName: "name"),
        transform: ChatServeCommand.parseName)
    var name: String?

    @Option(help: ArgumentHelp("The Redis channel that the servers share.", valueName: "name"))
    var channel = "reactor-chat"

    @OptionGroup var chat: ChatOptions
    @OptionGroup var serving: ServingOptions

    func validate() throws {
        _ = try backplane?.address
        if serving.server.loops > 1 {
            throw ValidationError("--loops: a chat server has one loop; run several servers with --backplane")
        }
    }

    func run() throws {
        let backplane = try backplane?.address
        let members = ChatServer(name: name ?? "chat-\(UInt16.random(in: 0x1000...0xffff))", limits: chat.limits)
        var redis: RedisBackplane?
        var program = ServerProgram(serving)
        program.details = [members.name]
        program.restart = .refuses(because: "its members and rooms are in this process's memory")
        // Members may be silent for long and take time to choose a name; keep-alive detects the ones that are gone.
        (program.idleTime, program.firstMessageTime) = (.seconds(3600), .seconds(60))
        // With its default send buffer, the kernel would queue up to 4 MiB for a member that does not read, and the
        // chat would notice the slow member that much later.
        program.adjust = { $0.sendBuffer = 32 * 1024 }
        program.ending = {
            members.shutdown()
            redis?.stop()
        }
        let counters = try program.serve(at: .loopback(port: 7789)) { server, loop throws(SocketError) in
            if let backplane {
                redis = try RedisBackplane(members, through: backplane, channel: channel, on: loop) {
                    ServerLog.report($0)
                }
            }
            return try listen(members, server, loop)
        }
        ServerLog.print(Self.summary(members.statistics, counters, redis))
    }

    private func listen(_ members: ChatServer, _ server: TCPServer, _ loop: EventLoop) throws(SocketError)
        -> ListeningServer
    {
        let framing = ChatSession.framing(chat.limits)
        // Safe: there is one loop, on this thread, and only it creates handlers.
        nonisolated(unsafe) let members = members
        return try server.listen(on: loop) { _ in
            { _ in ChatSession(unsafe members).framed(by: framing) }
        }
    }

    private static func summary(
        _ chat: ChatServer.Statistics, _ counters: LoopStatistics, _ redis: RedisBackplane?
    ) -> String {
        var text = """
            served \(counted(counters.connectionsOpened, "connection")) (\(counters.connectionsRefused) refused), \(chat.said) \
            lines said, \(chat.delivered) delivered, \(chat.droppedAsSlow) members dropped as slow, \
            \(chat.droppedAsFlood) for flooding
            """
        if chat.countedChanges + chat.refusedEntries > 0 {
            text +=
                ", \(chat.countedChanges) joins and leaves summarized, \(chat.refusedEntries) names refused"
        }
        if let redis {
            text += "\nbackplane: \(redis.published) events published, \(redis.dropped) dropped without Redis, "
            text += "\(redis.refused) refused"
        }
        return text
    }

    private static func parseName(_ text: String) throws -> String {
        guard ChatServer.isName(text) else {
            throw ValidationError("invalid server name; use 1 to 16 lower-case letters, digits or '-'")
        }
        return text
    }
}
