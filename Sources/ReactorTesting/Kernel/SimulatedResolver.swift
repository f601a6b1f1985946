// The names of a simulated world, and what a look-up answers.

public import Reactor
import Synchronization

/// A resolver whose answers are set by a test.
///
///     let resolver = SimulatedResolver(["db.example": [.loopback(port: 0), .ipv6(high: 0, low: 1, port: 0)]])
///     world.loop.resolver = resolver
///
/// How long a look-up takes is up to who does the loop's blocking work: ``SimulatedWorkers`` in a ``Simulation``.
public final class SimulatedResolver: NameResolver {
    private struct Contents {
        var hosts: [String: [SocketAddress]]
        var queries: [String] = []
    }

    private let contents: Mutex<Contents>

    /// A resolver that knows these names. The ports of their addresses do not matter.
    public init(_ hosts: [String: [SocketAddress]] = [:]) { contents = Mutex(Contents(hosts: hosts)) }

    /// Changes what is known of a name; `nil` makes it unknown.
    public func set(_ host: String, _ addresses: [SocketAddress]?) {
        contents.withLock { $0.hosts[host] = addresses }
    }

    /// The names that were looked up, in order.
    public var queries: [String] { contents.withLock { $0.queries } }

    /// What is known of a name, with this port.
    public func addresses(of host: String, port: UInt16) throws(SocketError) -> [SocketAddress] {
        let known = contents.withLock { contents in
            contents.queries.append(host)
            return contents.hosts[host]
        }
        guard let known else { throw SocketError(.resolve, subject: host, reason: "nobody knows this name") }
        return known.map { address in
            var address = address
            address.port = port
            return address
        }
    }
}
