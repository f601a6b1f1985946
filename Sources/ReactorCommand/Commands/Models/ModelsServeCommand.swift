// `reactor models serve`, or simply `reactor models`: one model as a program.

import ArgumentParser
import CServerModels
import Reactor
import ServerModels

struct ModelsServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run an echo server of one model.",
        discussion: """
            Try it with:  reactor models --model iterative    and, in two other terminals:  nc 127.0.0.1 7788
            It prints one line when it listens. SIGINT (ctrl-C) and SIGTERM end it at once, with all of its processes: \
            clients see their connections closed. SIGUSR2 does not restart it. The models are for looking at; 'reactor echo' is the server with \
            limits, deadlines and draining.
            """)

    @Option(help: "Which: \(ModelArgument.names).", transform: ModelArgument.parse)
    var model: ServerModel

    @Option(
        help: ArgumentHelp(
            "Where to listen, HOST:PORT; port 0 lets the system choose. (default: 127.0.0.1:7788)",
            valueName: "address"),
        transform: AddressArgument.parse)
    var listen: SocketAddress?

    @Flag(help: "Answer datagrams: iterative, busy-loop, select, poll, epoll-lt and epoll-et can.")
    var udp = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Processes of model prefork. (default: \(ModelOptions().workers))", valueName: "n"),
        transform: CountArgument.parse)
    var workers = ModelOptions().workers

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Clients at once, and so processes or threads; others wait in the backlog. (default: \(ModelOptions().limit))",
            valueName: "n"),
        transform: CountArgument.parse)
    var maxConnections = ModelOptions().limit

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Clients that wait to be accepted. (default: \(ModelOptions().backlog))", valueName: "n"),
        transform: CountArgument.parse)
    var backlog = ModelOptions().backlog

    @OptionGroup var trace: TraceOptions

    @Flag(help: ArgumentHelp("End when standard input does: who wanted this server is gone.", visibility: .hidden))
    var endWithInput = false

    @Option(help: ArgumentHelp("Stay on this processor.", visibility: .hidden))
    var cpu: Int?

    /// Processes at once at most: what the table of them has room for.
    private static let mostProcesses = Int(cmodels_most_children)

    func validate() throws {
        if udp && !model.servesDatagrams {
            throw ValidationError("--udp has no connections, and model \(model) is one for them; use another --model")
        }
        if listen?.isUnix == true {
            throw ValidationError(
                "--listen: the models serve an address with a port; 'reactor echo' takes a Unix socket")
        }
        if trace.isWanted && (udp || !model.isTraceable) {
            throw ValidationError(
                "--trace shows the models busy-loop, select, poll, epoll-lt, epoll-et, coroutine and reactor, for TCP; "
                    + "use strace -f for the others")
        }
        if model == .fork && maxConnections > Self.mostProcesses {
            throw ValidationError(
                "--max-connections is \(maxConnections), and model fork takes at most \(Self.mostProcesses)")
        }
        if workers > Self.mostProcesses {
            throw ValidationError("--workers is \(workers): use at most \(Self.mostProcesses)")
        }
    }

    func run() throws {
        cmodels_refuse_restart()
        if let cpu { try Processor.pin(to: cpu) }
        var options = ModelOptions()
        options.workers = workers
        options.limit = maxConnections
        options.backlog = backlog
        options.isDatagram = udp
        let kernel = trace.kernel(ServerLog.trace)
        do throws(SocketError) {
            try model.serve(on: listen ?? .loopback(port: 7788), options, kernel: kernel) { address in
                let udp = udp ? ", UDP" : ""
                // At once, and not from another thread: models of processes need one that has none.
                StandardOutput.announce("listening on \(address) (model \(model)\(udp): \(model.summary))\n")
                if endWithInput { cmodels_end_with_input() }
            }
        } catch {
            throw CommandFailure("\(error)")
        }
        StandardOutput.announce("ended, and nothing of it is left\n")
    }
}
