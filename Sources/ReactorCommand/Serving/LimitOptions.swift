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
    ///   - descriptorsPerFile: as in ``plan(descriptorLimit:descriptorsPerFile:)``; there is at least one file.
    func check(_ backend: Backend, descriptorLimit: Int?, descriptorsPerFile: Int) throws {
        guard let maxConnections else { return }
        let reserve = Self.descriptorReserve + descriptorsPerFile
        let most = max(1, min(Self.descriptors, descriptorLimit ?? .max) - reserve)
        guard maxConnections > most else { return }
        if let descriptorLimit, most == descriptorLimit - reserve {
            throw ValidationError(
                """
                --max-connections is \(maxConnections), but \(backend) ends at \(descriptorLimit) descriptors: \
                choose another --backend or ask for at most \(most)
                """)
        }
        throw ValidationError(
            """
            --max-connections is \(maxConnections), but this process may open \(Self.descriptors) \
            descriptors: raise 'ulimit -n' or ask for at most \(most)
            """)
    }

    /// Descriptors that a server needs besides its connections and their files: standard streams, selectors, listeners.
    private static let descriptorReserve = 16
    /// The same, and those of the admin socket's clients and of files that are open for a moment: what is kept free unless
    /// the user asks for more.
    private static let ampleReserve = 64
    private static let mostByDefault = 10_000

    /// Descriptors that the process may have.
    private static var descriptors: Int {
        let result = LinuxKernel.shared.descriptorLimit()
        return result.succeeded ? result.rawValue : .max
    }

    /// How connections and files share the descriptors.
    ///
    /// - Parameter descriptorsPerFile: what a file takes besides the socket of its connection; 0 for a server without files.
    func plan(descriptorLimit: Int?, descriptorsPerFile: Int) -> DescriptorPlan {
        let reserve = maxConnections == nil ? Self.ampleReserve : Self.descriptorReserve
        let available = min(Self.descriptors - reserve, (descriptorLimit ?? .max) - Self.descriptorReserve)
        return DescriptorPlan(
            available: max(1, available), descriptorsPerFile: descriptorsPerFile, maxConnections: maxConnections,
            most: Self.mostByDefault)
    }

    /// The limits as the framework takes them.
    ///
    /// - Parameters:
    ///   - idle, firstMessage: the command's own defaults.
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
        return limits
    }
}
