// The names of a simulated world.

public import Reactor
import Synchronization

/// A resolver with the addresses that a test gives it.
///
///     let resolver = SimulatedResolver(["db.example": [.loopback(port: 0), .ipv6(high: 0, low: 1, port: 0)]])
///     world.loop.resolver = resolver
///
/// The duration of a lookup depends on the loop's worker pool: ``SimulatedWorkers`` in a ``Simulation``.
public final class SimulatedResolver: NameResolver {
    private struct Contents {
        var hosts: [String: [SocketAddress]]
        var queries: [String] = []
    }

    private let contents: Mutex<Contents>

    /// Creates a resolver that knows these names. The ports of the addresses are ignored.
    public init(_ hosts: [String: [SocketAddress]] = [:]) { contents = Mutex(Contents(hosts: hosts)) }

    /// Sets the addresses of a name; `nil` makes it unknown.
    public func set(_ host: String, _ addresses: [SocketAddress]?) {
        contents.withLock { $0.hosts[host] = addresses }
    }

    /// The names looked up so far, in order.
    public var queries: [String] { contents.withLock { $0.queries } }

    /// Returns the addresses of a name, with this port.
    ///
    /// - Throws: `SocketError` when the name is unknown.
    public func addresses(of host: String, port: UInt16) throws(SocketError) -> [SocketAddress] {
        let known = contents.withLock { contents in
            contents.queries.append(host)
            return contents.hosts[host]
        }
        guard let known else { throw SocketError(.resolve, subject: host, reason: "unknown name") }
        return known.map { address in
            var address = address
            address.port = port
            return address
        }
    }
}
