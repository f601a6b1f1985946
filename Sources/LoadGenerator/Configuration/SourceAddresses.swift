// Which local addresses a load connects from. To one server address, one local address has about 28,000 ports
// (ip_local_port_range), and a port that was closed here stays taken for a while (TIME_WAIT). On the loopback network
// every 127.x.y.z is ours, so a load that needs more ports takes more addresses.

internal import Reactor

/// Local addresses in turn.
struct SourceAddresses {
    /// Ports taken from one address: far enough below the 28,000 that another load right after this one finds some.
    static let portsPerAddress = 10_000
    /// Addresses for a load that opens connections all the time: as a port comes back after a minute at the latest,
    /// 64 times 28,000 of them last for 30,000 connections a second.
    static let addressesForChurn = 64

    /// `nil` where the kernel is to choose.
    let addresses: [SocketAddress?]
    private var next = 0

    init(for configuration: LoadConfiguration) {
        let host = configuration.address.host
        // Not every loopback address: ::1 stands alone, and IPv4 in IPv6 clothes is not worth the trouble.
        guard configuration.address.isLoopback, !configuration.address.isIPv6, host.hasPrefix("127.") else {
            addresses = [nil]
            return
        }
        let count =
            configuration.mode == .churn
            ? Self.addressesForChurn
            : (configuration.connections + Self.portsPerAddress - 1) / Self.portsPerAddress
        addresses = count <= 1 ? [nil] : (0..<count).map { Self.loopback($0) }
    }

    /// 127.0.0.1, 127.0.0.2, and so on.
    private static func loopback(_ index: Int) -> SocketAddress {
        .ipv4(127, 0, UInt8(index / 254 % 256), UInt8(index % 254 + 1), port: 0)
    }

    /// The next one, round and round.
    mutating func take() -> SocketAddress? {
        defer { next = next + 1 == addresses.count ? 0 : next + 1 }
        return addresses[next]
    }
}
