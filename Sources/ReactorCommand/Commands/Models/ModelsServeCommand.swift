// `reactor models serve`, or just `reactor models`: one model as a program.

import ArgumentParser
import CServerModels
import Reactor
import ServerModels

struct ModelsServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run an echo server built on one model.",
        discussion: """
            Try it with:  reactor models --model iterative    and in two other terminals:  nc 127.0.0.1 7788
            Prints one line when it listens. SIGINT (ctrl-C) and SIGTERM end it at once with all of its processes, and \
            close all connections. SIGUSR2 does not restart it. The models are for study; 'reactor echo' is the server \
            with limits, deadlines and draining.
            """)

    @Option(help: "The model: \(ModelArgument.names).", transform: ModelArgument.parse)
    var model: ServerModel

    @Option(
        help: ArgumentHelp(
            "Listen on HOST:PORT; port 0 lets the system choose. (default: 127.0.0.1:7788)",
            valueName: "address"),
        transform: AddressArgument.parse)
    var listen: SocketAddress?

    @Flag(help: "Serve UDP; for iterative, busy-loop, select, poll, epoll-lt and epoll-et.")
    var udp = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Worker processes of model prefork. (default: \(ModelOptions().workers))", valueName: "n"),
        transform: CountArgument.parse)
    var workers = ModelOptions().workers

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Most concurrent clients; further ones wait in the backlog. (default: \(ModelOptions().limit))",
            valueName: "n"),
        transform: CountArgument.parse)
    var maxConnections = ModelOptions().limit

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Most connections waiting to be accepted. (default: \(ModelOptions().backlog))", valueName: "n"),
        transform: CountArgument.parse)
    var backlog = ModelOptions().backlog

    @OptionGroup var trace: TraceOptions

    @Flag(help: ArgumentHelp("Exit at end of standard input: the parent process is gone.", visibility: .hidden))
    var endWithInput = false

    @Option(help: ArgumentHelp("Pin the process to this processor.", visibility: .hidden))
    var cpu: Int?

    /// The largest number of processes, which is the size of the table of children.
    private static let mostProcesses = Int(cmodels_most_children)

    func validate() throws {
        if udp && !model.servesDatagrams {
            throw ValidationError("--udp has no connections, and model \(model) needs them; use another --model")
        }
        if listen?.isUnix == true {
            throw ValidationError(
                "--listen: the models need an address with a port; 'reactor echo' accepts a Unix socket")
        }
        if trace.isWanted && (udp || !model.isTraceable) {
            throw ValidationError(
                "--trace works with busy-loop, select, poll, epoll-lt, epoll-et, coroutine and reactor over TCP; "
                    + "use 'strace -f' for the others")
        }
        if model == .fork && maxConnections > Self.mostProcesses {
            throw ValidationError(
                "--max-connections is \(maxConnections); with model fork, use at most \(Self.mostProcesses)")
        }
        if workers > Self.mostProcesses {
            throw ValidationError("--workers is \(workers); use at most \(Self.mostProcesses)")
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
            if try Inheritance.take() != nil {
                throw SocketError(
                    .listen, subject: "the sockets that it was started with",
                    reason: "the models open their own; start it without LISTEN_FDS and use --listen")
            }
            try model.serve(on: listen ?? .loopback(port: 7788), options, kernel: kernel) { address in
                let udp = udp ? ", UDP" : ""
                // Written synchronously, not by a log thread: the models that fork need a process with a single thread.
                StandardOutput.announce("listening on \(address) (model \(model)\(udp): \(model.summary))\n")
                if endWithInput { cmodels_end_with_input() }
            }
        } catch {
            throw CommandFailure("\(error)")
        }
        StandardOutput.announce("ended; no processes or connections are left\n")
    }
}
