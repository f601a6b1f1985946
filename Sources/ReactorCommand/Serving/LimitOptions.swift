// The limits of a server on the command line, shared by every subcommand that serves connections.

import ArgumentParser
import Reactor

struct LimitOptions: ParsableArguments {
    private static let defaults = Limits()

    // Values are parsed unconditionally: otherwise "-1" would be taken for an option, and the value would count as
    // missing.

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Most concurrent connections; more are refused. (default: 10000, or what descriptors allow)",
            valueName: "n"),
        transform: CountArgument.parse)
    var maxConnections: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Most concurrent connections from one address; an IPv6 /64 counts as one. (default: no limit)",
            valueName: "n"),
        transform: CountArgument.parse)
    var maxConnectionsPerAddress: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Most connections waiting to be accepted. (default: \(Limits().backlog))", valueName: "n"),
        transform: CountArgument.parse)
    var backlog = LimitOptions.defaults.backlog

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Close a connection after this long without traffic; 0 disables this. \
            (default: 60s; longer where people type)
            """,
            valueName: "time"),
        transform: DurationArgument.init)
    var idleTimeout: DurationArgument?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Close a new connection that has sent nothing after this long; 0 disables this. \
            (default: 10s; longer where people type)
            """,
            valueName: "time"),
        transform: DurationArgument.init)
    var firstMessageTimeout: DurationArgument?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Close a connection that has acknowledged none of its output for this long; 0 disables this. (default: 60s)",
            valueName: "time"),
        transform: DurationArgument.init)
    var writeStallTimeout: DurationArgument?

    /// Checks the requested number of connections against the descriptors that are available.
    ///
    /// - Parameters:
    ///   - backend: the selector.
    ///   - descriptorLimit: the selector accepts only descriptors below this number; `nil` for any.
    ///   - descriptorsPerFile: as in ``plan(descriptorLimit:descriptorsPerFile:)``; room for one file is reserved.
    /// - Throws: `ValidationError` that names the largest possible number.
    func check(_ backend: Backend, descriptorLimit: Int?, descriptorsPerFile: Int) throws {
        guard let maxConnections else { return }
        let reserve = Self.descriptorReserve + descriptorsPerFile
        let most = max(1, min(Self.descriptors, descriptorLimit ?? .max) - reserve)
        guard maxConnections > most else { return }
        if let descriptorLimit, most == descriptorLimit - reserve {
            throw ValidationError(
                """
                --max-connections is \(maxConnections), but \(backend) is limited to \(descriptorLimit) descriptors; \
                choose another --backend or use at most \(most)
                """)
        }
        throw ValidationError(
            """
            --max-connections is \(maxConnections), but this process may open only \(Self.descriptors) \
            descriptors; raise 'ulimit -n' or use at most \(most)
            """)
    }

    /// Descriptors for everything except connections and their files: standard streams, selectors, listeners.
    private static let descriptorReserve = 16
    /// ``descriptorReserve`` plus descriptors for admin clients and files that are open briefly. Kept free unless the
    /// user sets `--max-connections`.
    private static let ampleReserve = 64
    private static let mostByDefault = 10_000

    /// The number of descriptors that the process may open (`RLIMIT_NOFILE`).
    private static var descriptors: Int {
        let result = LinuxKernel.shared.descriptorLimit()
        return result.succeeded ? result.rawValue : .max
    }

    /// Returns the division of the process's descriptors between connections and files.
    ///
    /// - Parameters:
    ///   - descriptorLimit: the selector accepts only descriptors below this number; `nil` for any.
    ///   - descriptorsPerFile: descriptors of a file besides the socket of its connection; 0 for a server without
    ///     files.
    func plan(descriptorLimit: Int?, descriptorsPerFile: Int) -> DescriptorPlan {
        let reserve = maxConnections == nil ? Self.ampleReserve : Self.descriptorReserve
        let available = min(Self.descriptors - reserve, (descriptorLimit ?? .max) - Self.descriptorReserve)
        return DescriptorPlan(
            available: max(1, available), descriptorsPerFile: descriptorsPerFile, maxConnections: maxConnections,
            most: Self.mostByDefault)
    }

    /// Returns the framework's limits for these options.
    ///
    /// - Parameters:
    ///   - plan: the division of descriptors.
    ///   - idle, firstMessage: the command's own defaults for the two timeouts; `nil` for no timeout.
    func limits(
        _ plan: DescriptorPlan, idle: Duration? = defaults.idleTime,
        firstMessage: Duration? = defaults.firstMessageTime
    ) -> Limits {
        var limits = Limits()
        limits.connections = plan.connections
        limits.connectionsPerAddress = maxConnectionsPerAddress
        limits.backlog = backlog
        limits.idleTime = idleTimeout.map(\.duration) ?? idle
        limits.firstMessageTime = firstMessageTimeout.map(\.duration) ?? firstMessage
        limits.writeStallTime = writeStallTimeout.map(\.duration) ?? Self.defaults.writeStallTime
        return limits
    }
}
