// A listener behind a proxy: who may speak for clients, and how long that may take.

/// That connections begin with a PROXY header, of version 1 or 2, which says whose they are.
///
/// Such a listener takes connections from trusted proxies only; any other is refused, for who may name an address may
/// name any. ``Connection/peer`` is then the client's address, and so is what the limit of connections an address counts
/// and ``AcceptPolicy`` is asked about; ``Connection/directPeer`` is the proxy's. Where the proxy speaks for itself
/// (`LOCAL`, a health check) or does not know (`UNKNOWN`), it is the peer. A header that is malformed, incomplete or late
/// resets the connection, which is counted and reported, and no handler hears of it.
public struct ProxyProtocol: Sendable {
    private var trusted = NetworkTable<Bool>()
    /// How long a connection may take to its header. Default: 5 s. It counts from the accept, and bytes that drip in do
    /// not extend it.
    public var headerTime: Duration = .seconds(5)

    /// - Parameter networks: from where headers are believed. Proxies that connect over a Unix socket are on this
    ///   machine, and always are.
    public init(trusting networks: [IPNetwork]) {
        for network in networks { trusted.set(true, for: network) }
    }

    /// Whether a connection from this address may begin with a header.
    public func trusts(_ address: SocketAddress) -> Bool { address.isUnix || trusted.value(for: address) != nil }
}
