// `reactor load`: the load generator on the command line.

import ArgumentParser
import LoadGenerator
import Reactor

/// The load generator: puts a load on an echo server and reports how it performed.
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Put a load on an echo server and measure throughput and latency.",
        discussion: """
            Sends messages over many connections, verifies every byte that comes back, and prints throughput and \
            latency. Each connection exchanges one message before the measurement starts.

            Without --rate the load is a closed loop: each echo triggers the next message, so a server that stalls \
            receives fewer. With --rate it is an open loop: messages are due at constant intervals, and latency counts \
            from the time at which a message should have been sent.

            Works with any echo server, including one that returns upper case, because messages consist of capitals.

            EXAMPLES
              reactor load 127.0.0.1:7788
              reactor load 127.0.0.1:7788 --connections 1000 --rate 20000 --duration 30s
              reactor load 127.0.0.1:7788 --mode churn --json result.json

            Exit status: 0, 1 when nothing was measured, all connections were lost or a wrong byte came back, and 64 \
            for an invalid command line. ctrl-C ends the load early and prints the results so far; a second one does \
            not wait for outstanding echoes.
            """)

    @Argument(
        help: "The echo server, as 127.0.0.1:7788, [::1]:7788 or localhost:7788.", transform: AddressArgument.parse)
    var address: SocketAddress

    @Option(parsing: .unconditional, help: "Concurrent connections. (default: 64)", transform: CountArgument.parse)
    var connections = 64

    @Option(parsing: .unconditional, help: "Bytes per message. (default: 64)", transform: CountArgument.parse)
    var size = 64

    @Option(
        parsing: .unconditional, help: "Messages in flight on each connection. (default: 1)",
        transform: CountArgument.parse)
    var depth = 1

    @Option(
        help: "How long to run: 500ms, 5s, 2m, 1h; 'none' until ctrl-C. (default: 5s)",
        transform: DurationArgument.endless)
    var duration: DurationArgument?

    @Option(
        parsing: .unconditional,
        help: "Send exactly this many messages (mode churn: connections) instead of --duration.",
        transform: CountArgument.parse)
    var messages: Int?

    @Option(
        parsing: .unconditional,
        help: "Messages per second over all connections, an open loop. (default: as fast as echoes return)")
    var rate: Double?

    @Option(
        help: ArgumentHelp(
            """
            echo; idle: hold silent connections; churn: connect, exchange one message, close, repeat; datagrams: echo \
            over UDP. (default: echo)
            """,
            valueName: "mode"),
        transform: LoadCommand.parseMode)
    var mode = LoadMode.echo

    @Option(
        help: "The load generator's selector: \(BackendArgument.names). (default: epoll-lt)",
        transform: BackendArgument.parse)
    var backend = Backend.epoll()

    @Option(
        help: "How long a connect may take, and then the first echo. (default: 5s)",
        transform: DurationArgument.init)
    var connectTimeout: DurationArgument?

    @Option(help: ArgumentHelp("Write the results as JSON to this file; '-' is standard output.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("Pin the process to this processor.", visibility: .hidden))
    var cpu: Int?

    func run() throws {
        let load = try makeConfiguration()
        do {
            try load.validate()
        } catch {
            throw ValidationError(error.description)
        }
        if let cpu { try Processor.pin(to: cpu) }
        // Opened first, so that an unwritable file is reported before the run and not after it.
        let output = try json.map(JSONOutput.init)
        let result = try runLoad(load)
        // Standard output carries either text or JSON.
        if json != "-" { StandardOutput.print(LoadSummary.text(of: result)) }
        try output?.write(LoadReport(result))
        try Self.judge(result)
    }

    func makeConfiguration() throws -> LoadConfiguration {
        guard duration == nil || messages == nil else {
            throw ValidationError("--duration and --messages exclude each other; use one of them")
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
                throw ValidationError("--connect-timeout must be above zero; omit it for 5s")
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
        guard let found else { throw CommandFailure("the load did not finish: its event loop ended early") }
        return found
    }

    /// Throws if the result is not trustworthy.
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
