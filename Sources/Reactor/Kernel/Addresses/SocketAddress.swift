// Where a socket is: an IPv4 or IPv6 address and a port, or the name of a Unix socket, as a plain value. Conversion to the
// kernel's structures and to text is beside it, in this folder, because both need the C library.

/// The address of a socket: IPv4 or IPv6, with its port, or the name of a Unix socket (unix(7)).
public struct SocketAddress: Sendable, Hashable {
    enum Storage: Hashable, Sendable {
        case ipv4(address: UInt32, port: UInt16)
        case ipv6(high: UInt64, low: UInt64, scope: UInt32, port: UInt16)
        /// A path; an abstract name behind a zero byte; nothing for a socket without a name.
        case unix([UInt8])
    }

    /// Addresses as numbers in the machine's byte order.
    var storage: Storage

    /// The IPv4 address `a.b.c.d` with a port (0 lets the kernel choose one when it is bound).
    public static func ipv4(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, port: UInt16) -> SocketAddress {
        let address = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
        return SocketAddress(storage: .ipv4(address: address, port: port))
    }

    /// The IPv6 address with these upper and lower 64 bits; `scope` is the interface's index for link-local ones.
    public static func ipv6(high: UInt64, low: UInt64, scope: UInt32 = 0, port: UInt16) -> SocketAddress {
        SocketAddress(storage: .ipv6(high: high, low: low, scope: scope, port: port))
    }

    /// An IPv4 loopback address, 127.0.0.1.
    public static func loopback(port: UInt16) -> SocketAddress { .ipv4(127, 0, 0, 1, port: port) }

    /// The unspecified IPv4 address, 0.0.0.0 with port 0.
    public static let unspecified = SocketAddress.ipv4(0, 0, 0, 0, port: 0)

    /// A Unix socket without a name, as clients are. Nothing can connect to it, and no server listens there.
    public static let unnamedUnix = SocketAddress(storage: .unix([]))

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

    /// Whether the address never leaves this machine: 127.0.0.0/8, ::1, the former in IPv6 clothes, a Unix socket.
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

    /// Whether this is the unspecified address, 0.0.0.0 or `::`: a socket bound to it has all addresses of the machine.
    public var isWildcard: Bool {
        switch storage {
        case .ipv4(let address, _): address == 0
        case .ipv6(let high, let low, _, _): high == 0 && low == 0
        case .unix: false
        }
    }

    /// Whether this is an IPv6 address that is valid on one link only, fe80::/10 (RFC 4291).
    var isLinkLocal: Bool { if case .ipv6(let high, _, _, _) = storage { high >> 54 == 0x3fa } else { false } }

    /// The peer as limits count it: an IPv4 address is one, and so is a whole IPv6 /64, which one host may own. `nil` for
    /// a Unix socket, whose peers have no address.
    public var limitKey: UInt64? {
        switch storage {
        case .unix: nil
        case .ipv4(let address, _): UInt64(address)
        case .ipv6(0, let low, _, _) where low >> 32 == 0xffff: low & 0xffff_ffff  // IPv4 in IPv6 clothes
        case .ipv6(let high, let low, _, _): high == 0 ? low : high
        }
    }
}
