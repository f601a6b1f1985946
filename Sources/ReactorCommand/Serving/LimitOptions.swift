// The limits of a server on the command line. Every server among the subcommands takes them.

import ArgumentParser
import Reactor

struct LimitOptions: ParsableArguments {
    private static let defaults = Limits()

    // Values are taken as they come, because otherwise "-1" would pass for an option, and its value for missing.

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Connections at once; more are refused. (default: 10000, or what descriptors allow)", valueName: "n"),
        transform: CountArgument.parse)
    var maxConnections: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Connections at once from one address; an IPv6 /64 is one. (default: no limit)", valueName: "n"),
        transform: CountArgument.parse)
    var maxConnectionsPerAddress: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Connections that wait to be accepted. (default: \(Limits().backlog))", valueName: "n"),
        transform: CountArgument.parse)
    var backlog = LimitOptions.defaults.backlog

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Close a connection after this long without a byte; 0 never. (default: 60s; longer where people type)
            """,
            valueName: "time"),
        transform: DurationArgument.init)
    var idleTimeout: DurationArgument?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Close a connection that has sent nothing for this long from its start; 0 never. \
            (default: 10s; longer where people type)
            """,
            valueName: "time"),
        transform: DurationArgument.init)
    var firstMessageTimeout: DurationArgument?

    /// Checks the number of connections against the descriptors there are.
    ///
    /// - Parameters:
    ///   - backend: the selector, which may take descriptors below a number only.
    ///   - descriptorLimit: that number.
    func check(_ backend: Backend, descriptorLimit: Int?) throws {
        guard let maxConnections else { return }
        let most = mostConnections(descriptorLimit: descriptorLimit)
        guard maxConnections > most else { return }
        if let descriptorLimit, most == descriptorLimit - Self.descriptorReserve {
            throw ValidationError(
                """
                --max-connections is \(maxConnections), but \(backend) ends at \(descriptorLimit) descriptors: \
                choose another --backend or ask for at most \(most)
                """)
        }
        throw ValidationError(
            """
            --max-connections is \(maxConnections), but this process may open \(most + Self.descriptorReserve) \
            descriptors: raise 'ulimit -n' or ask for at most \(most)
            """)
    }

    /// Descriptors that a server needs besides its connections.
    private static let descriptorReserve = 16

    private func mostConnections(descriptorLimit: Int?) -> Int {
        let descriptors = LinuxKernel.shared.descriptorLimit()
        let allowed = descriptors.succeeded ? descriptors.rawValue : .max
        return max(1, min(allowed, descriptorLimit ?? .max) - Self.descriptorReserve)
    }

    /// The limits as the framework takes them, on a selector that takes descriptors below a number only.
    ///
    /// - Parameters:
    ///   - idle, firstMessage: the command's own defaults.
    func limits(
        descriptorLimit: Int?, idle: Duration? = defaults.idleTime, firstMessage: Duration? = defaults.firstMessageTime
    ) -> Limits {
        var limits = Limits()
        limits.connections =
            maxConnections ?? min(limits.effectiveConnections(), mostConnections(descriptorLimit: descriptorLimit))
        limits.connectionsPerAddress = maxConnectionsPerAddress
        limits.backlog = backlog
        limits.idleTime = idleTimeout.map(\.duration) ?? idle
        limits.firstMessageTime = firstMessageTimeout.map(\.duration) ?? firstMessage
        return limits
    }
}
