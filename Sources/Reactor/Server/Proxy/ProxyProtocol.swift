// A listener behind a proxy: which peers may send headers, and how long they may take.

/// The requirement that connections begin with a PROXY header, version 1 or 2, that conveys the client's address.
///
/// The listener then accepts connections from trusted proxies only, because a header can claim any address.
/// ``Connection/peer`` is the client's address, to which the limit per address and the ``AcceptPolicy`` apply;
/// ``Connection/directPeer`` is the proxy's. If the proxy connects on its own behalf (`LOCAL`, a health check) or does
/// not know the client (`UNKNOWN`), the peer is the proxy. A connection whose header is malformed, incomplete or late
/// is reset, counted and reported; no handler is created for it.
public struct ProxyProtocol: Sendable {
    private var trusted = NetworkTable<Bool>()
    /// The time that a connection may take to send its header. Default: 5 s. It counts from the accept, and partial
    /// input does not extend it.
    public var headerTime: Duration = .seconds(5)

    /// Creates the requirement with a list of trusted proxies.
    ///
    /// - Parameter networks: the networks of trusted proxies. Proxies that connect over a Unix socket are always
    ///   trusted, because they are on this machine.
    public init(trusting networks: [IPNetwork]) {
        for network in networks { trusted.set(true, for: network) }
    }

    /// Returns whether a connection from this address may begin with a header.
    public func trusts(_ address: SocketAddress) -> Bool { address.isUnix || trusted.value(for: address) != nil }
}
