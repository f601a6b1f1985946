// What a server on the command line can be told beyond its limits: its loops, who may connect, the proxy in front of it.
// Every server among the subcommands takes these.

import ArgumentParser
import Reactor

struct ServerOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Event loops, each on a thread of its own. (default: 1)", valueName: "n"),
        transform: CountArgument.parse)
    var loops = 1

    @Option(
        help: ArgumentHelp(
            "How connections come to the loops: listeners (one each), round-robin, least-loaded. (default: listeners)",
            valueName: "way"),
        transform: ServerOptions.parseDistribution)
    var distribution = ConnectionDistribution.listenerPerLoop

    @Option(
        help: ArgumentHelp(
            "Networks that may connect, and no others: 10.0.0.0/8,2001:db8::/32. (default: all)", valueName: "networks"),
        transform: ServerOptions.parseNetworks)
    var allow: [IPNetwork] = []

    @Option(
        help: ArgumentHelp(
            "Networks that may not connect; the longest network that contains an address decides.",
            valueName: "networks"),
        transform: ServerOptions.parseNetworks)
    var deny: [IPNetwork] = []

    @Option(
        help: ArgumentHelp(
            """
            Connections begin with a PROXY header (version 1 or 2) that says whose they are, and come from proxies in \
            these networks only.
            """, valueName: "networks"),
        transform: ServerOptions.parseNetworks)
    var proxyProtocol: [IPNetwork]?

    private static let mostLoops = 1024

    func validate() throws {
        if loops > Self.mostLoops { throw ValidationError("--loops is \(loops): use at most \(Self.mostLoops)") }
    }

    /// A server with these options.
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
