// The address of a socket as a plain value: an IPv4 or IPv6 address with a port, or the name of a Unix socket. The
// conversions to the kernel's structures and to text are in separate files, because both need the C library.

/// The address of a socket: IPv4 or IPv6, with its port, or the name of a Unix socket (unix(7)).
public struct SocketAddress: Sendable, Hashable {
    enum Storage: Hashable, Sendable {
        case ipv4(address: UInt32, port: UInt16)
        case ipv6(high: UInt64, low: UInt64, scope: UInt32, port: UInt16)
        /// A path, an abstract name after a zero byte, or no bytes for an unnamed socket.
        case unix([UInt8])
    }

    /// The address, with numbers in host byte order.
    var storage: Storage

    /// Returns the IPv4 address `a.b.c.d` with a port (0 lets the kernel choose one at bind(2)).
    public static func ipv4(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, port: UInt16) -> SocketAddress {
        let address = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
        return SocketAddress(storage: .ipv4(address: address, port: port))
    }

    /// Returns the IPv6 address with these upper and lower 64 bits.
    ///
    /// - Parameters:
    ///   - high: the upper 64 bits, in host byte order.
    ///   - low: the lower 64 bits, in host byte order.
    ///   - scope: for a link-local address, the index of its interface. Default: 0.
    ///   - port: the port; 0 lets the kernel choose one at bind(2).
    public static func ipv6(high: UInt64, low: UInt64, scope: UInt32 = 0, port: UInt16) -> SocketAddress {
        SocketAddress(storage: .ipv6(high: high, low: low, scope: scope, port: port))
    }

    /// Returns the IPv4 loopback address, 127.0.0.1, with a port.
    public static func loopback(port: UInt16) -> SocketAddress { .ipv4(127, 0, 0, 1, port: port) }

    /// The unspecified IPv4 address, 0.0.0.0 with port 0.
    public static let unspecified = SocketAddress.ipv4(0, 0, 0, 0, port: 0)

    /// The address of an unnamed Unix socket, as clients usually have. It cannot be connected to.
    package static let unnamedUnix = SocketAddress(storage: .unix([]))

    /// The port, 0 to 65,535; 0 for a Unix socket, which has none.
    public var port: UInt16 {
        get {
            switch storage {
            case .ipv4(_, let port), .ipv6(_, _, _, let port): port
            case .unix: 0
            }
        }
        set {
            switch storage {
            case .ipv4(let address, _): storage = .ipv4(address: address, port: newValue)
            case .ipv6(let high, let low, let scope, _):
                storage = .ipv6(high: high, low: low, scope: scope, port: newValue)
            case .unix: break
            }
        }
    }

    /// Whether this is an IPv6 address.
    public var isIPv6: Bool { if case .ipv6 = storage { true } else { false } }

    /// Whether this is the address of a Unix socket.
    public var isUnix: Bool { if case .unix = storage { true } else { false } }

    /// Whether the address stays on this machine: 127.0.0.0/8, also IPv4-mapped, ::1, or a Unix socket.
    public var isLoopback: Bool {
        switch storage {
        case .ipv4(let address, _): address >> 24 == 127
        case .ipv6(let high, let low, _, _): high == 0 && (low == 1 || low >> 24 == 0xffff_7f)
        case .unix: true
        }
    }

    /// Whether this is the address of a multicast group: 224.0.0.0/4 or ff00::/8.
    public var isMulticast: Bool {
        switch storage {
        case .ipv4(let address, _): address >> 28 == 0xe
        case .ipv6(let high, _, _, _): high >> 56 == 0xff
        case .unix: false
        }
    }

    /// Whether this is the unspecified address, 0.0.0.0 or `::`. A socket bound to it uses all addresses of the
    /// machine.
    package var isWildcard: Bool {
        switch storage {
        case .ipv4(let address, _): address == 0
        case .ipv6(let high, let low, _, _): high == 0 && low == 0
        case .unix: false
        }
    }

    /// Whether this is a link-local IPv6 address, fe80::/10 (RFC 4291).
    var isLinkLocal: Bool { if case .ipv6(let high, _, _, _) = storage { high >> 54 == 0x3fa } else { false } }

    /// The key by which limits count a peer: an IPv4 address, or an IPv6 /64, because one host may own all of it. `nil`
    /// for a Unix socket, whose peers have no IP address.
    package var limitKey: UInt64? {
        switch storage {
        case .unix: nil
        case .ipv4(let address, _): UInt64(address)
        case .ipv6(0, let low, _, _) where low >> 32 == 0xffff: low & 0xffff_ffff  // IPv4-mapped
        case .ipv6(let high, let low, _, _): high == 0 ? low : high
        }
    }
}
