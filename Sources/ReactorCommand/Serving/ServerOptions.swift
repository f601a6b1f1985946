// The options of a server besides its limits: event loops, access control, and a proxy in front of it. Shared by every
// subcommand that serves connections.

import ArgumentParser
import Reactor

struct ServerOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Number of event loops, each on its own thread. (default: 1)", valueName: "n"),
        transform: CountArgument.parse)
    var loops = 1

    @Option(
        help: ArgumentHelp(
            "How loops get connections: listeners (one per loop), round-robin, least-loaded. (default: listeners)",
            valueName: "way"),
        transform: ServerOptions.parseDistribution)
    var distribution = ConnectionDistribution.listenerPerLoop

    @Option(
        help: ArgumentHelp(
            "Accept clients from these networks only, as 10.0.0.0/8,2001:db8::/32. (default: all)",
            valueName: "networks"),
        transform: ServerOptions.parseNetworks)
    var allow: [IPNetwork] = []

    @Option(
        help: ArgumentHelp(
            "Refuse clients from these networks; the longest prefix in --allow or --deny decides.",
            valueName: "networks"),
        transform: ServerOptions.parseNetworks)
    var deny: [IPNetwork] = []

    @Option(
        help: ArgumentHelp(
            """
            Accept connections only from proxies in these networks, and read each client's address from a PROXY \
            protocol header (version 1 or 2).
            """, valueName: "networks"),
        transform: ServerOptions.parseNetworks)
    var proxyProtocol: [IPNetwork]?

    private static let mostLoops = 1024

    func validate() throws {
        if loops > Self.mostLoops { throw ValidationError("--loops is \(loops); use at most \(Self.mostLoops)") }
    }

    /// Returns a server with these options.
    func server(on address: SocketAddress, _ backend: Backend, _ limits: Limits) -> TCPServer {
        var server = TCPServer(on: address, loops: loops, backend: backend, limits: limits)
        server.distribution = distribution
        server.policy = AcceptPolicy(allowing: allow, denying: deny)
        server.proxyProtocol = proxyProtocol.map { ProxyProtocol(trusting: $0) }
        return server
    }

    private static func parseDistribution(_ text: String) throws -> ConnectionDistribution {
        switch text {
        case "listeners": .listenerPerLoop
        case "round-robin": .roundRobin
        case "least-loaded": .leastLoaded
        default: throw ValidationError("use listeners, round-robin or least-loaded")
        }
    }

    private static func parseNetworks(_ text: String) throws -> [IPNetwork] {
        do throws(SocketError) {
            var networks: [IPNetwork] = []
            for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                networks.append(try IPNetwork(String(part)))
            }
            return networks
        } catch {
            throw ValidationError("\(error.subject): \(error.reason)")
        }
    }
}
