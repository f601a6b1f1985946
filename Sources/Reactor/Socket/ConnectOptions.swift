// How a host that may have several addresses is connected to: the times and the order of RFC 8305.

/// How ``EventLoop/connect(to:options:limits:handler:failed:)`` goes about it.
public struct ConnectOptions: Sendable {
    /// Which of the families is tried first.
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

    /// How long all of it may take, from looking up the name to the end of a handshake. Default: 10 s.
    public var timeout = Duration.seconds(10)
    /// How long an attempt may be on its way before the next address is tried beside it. Default: 250 ms, as RFC 8305,
    /// section 5, recommends; less than its minimum of 10 ms counts as that.
    public var attemptDelay = Duration.milliseconds(250)
    /// Which family is tried first; the addresses of both then take turns. Default: as the resolver has it.
    public var firstFamily = FirstFamily.asResolved
    /// This side's address, its port usually 0. Default: `nil`, the kernel's choice.
    public var local: SocketAddress?

    /// The defaults.
    public init() {}

    /// The time between attempts, within what the RFC allows.
    var effectiveAttemptDelay: Duration { max(attemptDelay, .milliseconds(10)) }

    /// Addresses in the order of RFC 8305, section 4: the families take turns, each in its own order; none twice.
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
