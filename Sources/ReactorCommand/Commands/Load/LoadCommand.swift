// `reactor load`: the load generator on the command line.

import ArgumentParser
import LoadGenerator
import Reactor

/// Puts a load on an echo server and says how it fared.
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Puts a load on an echo server and measures it.",
        discussion: """
            Sends messages over many connections, verifies every byte that comes back, and prints how many there were and \
            how long they took. Each connection exchanges one message before the time is taken.

            Without --rate the loop is closed: each echo is answered with the next message, so a server that stalls is \
            asked less. With --rate it is open: messages are due at constant intervals, and latency counts from the time \
            at which a message should have been sent.

            Any echo server will do, and one that answers in upper case as well, since messages consist of capitals.

            EXAMPLES
              reactor load 127.0.0.1:7788
              reactor load 127.0.0.1:7788 --connections 1000 --rate 20000 --duration 30s
              reactor load 127.0.0.1:7788 --mode churn --json result.json

            It ends with status 0, with 1 when nothing was measured, all connections were lost or a wrong byte came back, \
            and with 64 for an invalid command line. Control-C ends the load early and prints what was found so far; a second one does not wait for the \
            echoes that are still due.
            """)

    @Argument(
        help: "The echo server, as 127.0.0.1:7788, [::1]:7788 or localhost:7788.", transform: AddressArgument.parse)
    var address: SocketAddress

    @Option(parsing: .unconditional, help: "Connections at once. (default: 64)", transform: CountArgument.parse)
    var connections = 64

    @Option(parsing: .unconditional, help: "Bytes of a message. (default: 64)", transform: CountArgument.parse)
    var size = 64

    @Option(
        parsing: .unconditional, help: "Messages in flight on each connection. (default: 1)",
        transform: CountArgument.parse)
    var depth = 1

    @Option(
        help: "How long: 500ms, 5s, 2m, 1h; 'none' until control-C. (default: 5s)", transform: DurationArgument.endless)
    var duration: DurationArgument?

    @Option(
        parsing: .unconditional,
        help: "Exactly so many messages (mode churn: connections), instead of a duration.",
        transform: CountArgument.parse)
    var messages: Int?

    @Option(
        parsing: .unconditional,
        help: "Messages a second, all connections together: an open loop. (default: as fast as echoes come)")
    var rate: Double?

    @Option(
        help: ArgumentHelp(
            """
            echo; idle: connections are held in silence; churn: connect, one message, close, and again; datagrams: over \
            UDP. (default: echo)
            """,
            valueName: "mode"),
        transform: LoadCommand.parseMode)
    var mode = LoadMode.echo

    @Option(
        help: "The load's own selector: \(BackendArgument.names). (default: epoll-lt)",
        transform: BackendArgument.parse)
    var backend = Backend.epoll()

    @Option(
        help: "How long a connection may take, and again its first echo. (default: 5s)",
        transform: DurationArgument.init)
    var connectTimeout: DurationArgument?

    @Option(help: ArgumentHelp("Writes the figures as JSON; '-' is standard output.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("Stay on this processor.", visibility: .hidden))
    var cpu: Int?

    func run() throws {
        let load = try makeConfiguration()
        do {
            try load.validate()
        } catch {
            throw ValidationError(error.description)
        }
        if let cpu { try Processor.pin(to: cpu) }
        // Opened first: a file that cannot be written should not cost a whole run.
        let output = try json.map(JSONOutput.init)
        let result = try runLoad(load)
        // Standard output is either for people or for programs.
        if json != "-" { StandardOutput.print(LoadSummary.text(of: result)) }
        try output?.write(LoadReport(result))
        try Self.judge(result)
    }

    func makeConfiguration() throws -> LoadConfiguration {
        guard duration == nil || messages == nil else {
            throw ValidationError("--duration and --messages exclude each other; give one of them")
        }
        var load = LoadConfiguration(address: address)
        load.connections = connections
        load.size = size
        load.depth = depth
        if let duration { load.duration = duration.duration }
        load.messages = messages
        load.rate = rate
        load.mode = mode
        load.backend = backend
        if let connectTimeout {
            guard let time = connectTimeout.duration else {
                throw ValidationError("--connect-timeout has to be above zero; leave it out for 5s")
            }
            load.connectTimeout = time
        }
        return load
    }

    private func runLoad(_ load: LoadConfiguration) throws -> LoadResult {
        let loop = try EventLoop(backend: load.backend)
        let generator = try LoadGenerator(load, on: loop)
        let line = StandardError.isTerminal ? LiveLine() : nil
        if let line { generator.onProgress = { line.show(LoadSummary.line(of: $0)) } }
        for signal in [Signal.interrupt, .terminate] {
            try loop.watchSignal(signal) { generator.stop() }
        }
        var found: LoadResult?
        generator.start { result in
            found = result
            loop.stop()
        }
        try loop.run()
        line?.clear()
        guard let found else { throw CommandFailure("the loop ended before the load did") }
        return found
    }

    /// Fails where no figure can be trusted.
    private static func judge(_ result: LoadResult) throws {
        if let failure = result.failure { throw CommandFailure(failure) }
    }

    private static func parseMode(_ text: String) throws -> LoadMode {
        guard let mode = LoadMode(text) else {
            throw ValidationError("use one of \(LoadMode.all.map(\.description).joined(separator: ", "))")
        }
        return mode
    }
}
