// The limits of a server on the command line. Every server among the subcommands takes them.

import ArgumentParser
import Reactor

struct LimitOptions: ParsableArguments {
    private static let defaults = Limits()

    @Option(
        help: ArgumentHelp(
            "Connections at once; more are refused. (default: 10000, or what descriptors allow)", valueName: "n"))
    var maxConnections: Int?

    @Option(
        help: ArgumentHelp(
            "Connections at once from one address; an IPv6 /64 is one. (default: no limit)", valueName: "n"))
    var maxConnectionsPerAddress: Int?

    @Option(help: ArgumentHelp("Connections that wait to be accepted.", valueName: "n"))
    var backlog = LimitOptions.defaults.backlog

    @Option(
        help: ArgumentHelp("Close a connection after this long without a byte; 0 never.", valueName: "time"),
        transform: DurationArgument.init)
    var idleTimeout = DurationArgument(LimitOptions.defaults.idleTime)

    @Option(
        help: ArgumentHelp(
            "Close a connection that has sent nothing for this long from its start; 0 never.", valueName: "time"),
        transform: DurationArgument.init)
    var firstMessageTimeout = DurationArgument(LimitOptions.defaults.firstMessageTime)

    /// Checks what the parser cannot.
    func check() throws {
        for (name, value) in [
            ("--max-connections", maxConnections), ("--max-connections-per-address", maxConnectionsPerAddress),
            ("--backlog", backlog),
        ] {
            if let value, value < 1 { throw ValidationError("\(name) is \(value): it has to be at least 1") }
        }
        let descriptors = LinuxKernel.shared.descriptorLimit().rawValue
        if let maxConnections, maxConnections > descriptors - 16 {
            throw ValidationError(
                """
                --max-connections is \(maxConnections), but this process may open \(descriptors) descriptors: \
                raise 'ulimit -n' or ask for at most \(descriptors - 16)
                """)
        }
    }

    /// The limits as the framework takes them.
    var limits: Limits {
        var limits = Limits()
        limits.connections = maxConnections
        limits.connectionsPerAddress = maxConnectionsPerAddress
        limits.backlog = backlog
        limits.idleTime = idleTimeout.duration
        limits.firstMessageTime = firstMessageTimeout.duration
        return limits
    }
}
