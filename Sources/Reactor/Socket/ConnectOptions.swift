// The options of a connection attempt to a host that may have several addresses: the delays and the order of RFC 8305.

/// The options of ``EventLoop/connect(to:options:limits:handler:failed:)``.
public struct ConnectOptions: Sendable {
    /// The address family that is tried first.
    public struct FirstFamily: Sendable, Hashable {
        fileprivate enum Value { case asResolved, ipv4, ipv6 }
        fileprivate let value: Value

        /// The family of the first address, in the resolver's order.
        public static let asResolved = FirstFamily(value: .asResolved)
        /// IPv4.
        public static let ipv4 = FirstFamily(value: .ipv4)
        /// IPv6.
        public static let ipv6 = FirstFamily(value: .ipv6)
    }

    /// The time limit for the whole attempt, from the name lookup to the end of the handshake. Default: 10 s.
    public var timeout = Duration.seconds(10)
    /// The time after which the next address is tried in parallel with a pending one. Default: 250 ms, as RFC 8305,
    /// section 5, recommends; values below the RFC's minimum of 10 ms are raised to it.
    public var attemptDelay = Duration.milliseconds(250)
    /// The family that is tried first; after that, both families alternate. Default: the resolver's order.
    public var firstFamily = FirstFamily.asResolved
    /// The local address to connect from; its port is usually 0. Default: `nil`, chosen by the kernel.
    public var local: SocketAddress?

    /// Creates options with their default values.
    public init() {}

    /// The delay between attempts, raised to the RFC's minimum.
    var effectiveAttemptDelay: Duration { max(attemptDelay, .milliseconds(10)) }

    /// Returns distinct addresses in the order of RFC 8305, section 4: families alternate, and each keeps its own
    /// order.
    func order(_ addresses: [SocketAddress]) -> [SocketAddress] {
        var seen: Set<SocketAddress> = []
        let distinct = addresses.filter { seen.insert($0).inserted }
        let isIPv6First =
            switch firstFamily.value {
            case .asResolved: distinct.first?.isIPv6 ?? false
            case .ipv4: false
            case .ipv6: true
            }
        let first = distinct.filter { $0.isIPv6 == isIPv6First }
        let second = distinct.filter { $0.isIPv6 != isIPv6First }
        return (0..<max(first.count, second.count)).flatMap {
            first.dropFirst($0).prefix(1) + second.dropFirst($0).prefix(1)
        }
    }
}
