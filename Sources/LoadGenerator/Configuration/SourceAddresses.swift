// The local addresses that a load connects from. Towards one server address, a local address has about 28,000 ports
// (ip_local_port_range), and a port closed here stays in use for a while (TIME_WAIT). On the loopback network every
// 127.x.y.z is local, so a load that needs more ports uses more addresses.

internal import Reactor

/// A rotation of local addresses.
struct SourceAddresses {
    /// The number of ports used per address: far enough below 28,000 that a load started right after this one finds
    /// free ports.
    static let portsPerAddress = 10_000
    /// The number of addresses for a load that opens connections continuously: a port is free again after a minute at
    /// most, so 64 times 28,000 ports sustain 30,000 connections per second.
    static let addressesForChurn = 64

    /// The addresses; `nil` where the kernel chooses.
    let addresses: [SocketAddress?]
    private var next = 0

    init(for configuration: LoadConfiguration) {
        let host = configuration.address.host
        // IPv6 has the single loopback address ::1, and IPv4-mapped IPv6 addresses are not worth the trouble.
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

    /// Returns 127.0.0.1, 127.0.0.2, and so on.
    private static func loopback(_ index: Int) -> SocketAddress {
        .ipv4(127, 0, UInt8(index / 254 % 256), UInt8(index % 254 + 1), port: 0)
    }

    /// Returns the next address, in rotation.
    mutating func take() -> SocketAddress? {
        defer { next = next + 1 == addresses.count ? 0 : next + 1 }
        return addresses[next]
    }
}
