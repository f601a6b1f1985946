// What every server among the subcommands takes on the command line: where it listens, how it is watched, how it ends; and
// in one group with that, what holds for servers of connections only: limits, loops, who may connect.

import ArgumentParser
import Reactor

/// What every server takes, of datagrams as well.
struct ProgramOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Where to listen, HOST:PORT or unix:PATH; port 0 lets the system choose. (default: loopback, at the port \
            that is named above)
            """, valueName: "address"),
        transform: AddressArgument.parse)
    var listen: SocketAddress?

    @Option(
        help: ArgumentHelp(
            "How the loop finds out what is ready: \(BackendArgument.names). (default: epoll-lt)", valueName: "name"),
        transform: BackendArgument.parse)
    var backend = Backend.epoll(.levelTriggered)

    @OptionGroup var operation: OperationOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long to drain when asked to end. (default: 5s)", valueName: "time"),
        transform: DurationArgument.required)
    var drain = Duration.seconds(5)

    @Flag(help: ArgumentHelp("End when standard input does: who wanted this server is gone.", visibility: .hidden))
    var endWithInput = false

    @Option(help: ArgumentHelp("Stay on this processor.", visibility: .hidden))
    var cpu: Int?
}

/// What every server of connections takes.
struct ServingOptions: ParsableArguments {
    @OptionGroup var program: ProgramOptions
    @OptionGroup var limits: LimitOptions
    @OptionGroup var server: ServerOptions

    var listen: SocketAddress? { program.listen }
}
