// The options of server subcommands: those of every server (address, selector, observation, draining), and those of
// servers of connections, which add limits, loops and access control.

import ArgumentParser
import Reactor

/// The options of every server, including datagram servers.
struct ProgramOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Listen on HOST:PORT or unix:PATH; port 0 lets the system choose. (default: loopback, at the port \
            shown above)
            """, valueName: "address"),
        transform: AddressArgument.parse)
    var listen: SocketAddress?

    @OptionGroup var selector: BackendOptions

    @OptionGroup var operation: OperationOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long draining may take after SIGINT or SIGTERM. (default: 5s)", valueName: "time"),
        transform: DurationArgument.required)
    var drain = Duration.seconds(5)

    @Flag(help: ArgumentHelp("Exit at end of standard input: the parent process is gone.", visibility: .hidden))
    var endWithInput = false

    @Option(help: ArgumentHelp("Pin the process to this processor.", visibility: .hidden))
    var cpu: Int?
}

/// The options of every server of connections.
struct ServingOptions: ParsableArguments {
    @OptionGroup var program: ProgramOptions
    @OptionGroup var limits: LimitOptions
    @OptionGroup var server: ServerOptions

    var listen: SocketAddress? { program.listen }
}
