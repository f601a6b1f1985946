// What every server among the subcommands takes on the command line, in one group: where and how it listens, within which
// limits, how it is watched, how it ends.

import ArgumentParser
import Reactor

struct ServingOptions: ParsableArguments {
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

    @OptionGroup var limits: LimitOptions
    @OptionGroup var operation: OperationOptions
    @OptionGroup var server: ServerOptions

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
