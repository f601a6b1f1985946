// The PROXY header as a proxy writes it, versions 1 and 2: the counterpart of the parser beside it.

extension ProxyHeader {
    /// Returns a header that conveys a client's connection.
    ///
    /// An IPv4 and an IPv6 address together are written as two IPv6 addresses, the first one IPv4-mapped (RFC 4291,
    /// 2.5.5.2). Addresses that the version cannot convey together become `UNKNOWN` in version 1 and the unspecified
    /// family in version 2: Unix sockets in version 1, and a Unix socket beside an IP address in both.
    ///
    /// - Parameters:
    ///   - version: 1 or 2.
    ///   - source: the client's address; `nil` for a connection of the proxy's own, such as a health check.
    ///   - destination: the address that the client connected to.
    /// - Returns: The header, at most 107 bytes for version 1 and 232 for version 2.
    package static func bytes(version: Int, source: SocketAddress?, destination: SocketAddress?) -> [UInt8] {
        version == 1 ? text(source, destination) : binary(source, destination)
    }

    private static func text(_ source: SocketAddress?, _ destination: SocketAddress?) -> [UInt8] {
        guard let source, let destination, !source.isUnix, !destination.isUnix else {
            return Array("PROXY UNKNOWN\r\n".utf8)
        }
        if !source.isIPv6 && !destination.isIPv6 {
            return Array("PROXY TCP4 \(source.host) \(destination.host) \(source.port) \(destination.port)\r\n".utf8)
        }
        let (from, to) = (source.mapped, destination.mapped)
        return Array("PROXY TCP6 \(from.host) \(to.host) \(from.port) \(to.port)\r\n".utf8)
    }

    private static func binary(_ source: SocketAddress?, _ destination: SocketAddress?) -> [UInt8] {
        // LOCAL: the connection is the proxy's own.
        guard let source, let destination else { return signature + [0x20, 0, 0, 0] }
        var bytes = signature
        switch (source.storage, destination.storage) {
        case (.ipv4(let from, let fromPort), .ipv4(let to, let toPort)):
            bytes += [0x21, 0x11, 0, 12]
            bytes += from.networkBytes
            bytes += to.networkBytes
            bytes += fromPort.networkBytes
            bytes += toPort.networkBytes
        case (.unix(let from), .unix(let to)):
            bytes += [0x21, 0x31, 0, UInt8(2 * unixNameLength)]
            bytes += padded(from)
            bytes += padded(to)
        case (.unix, _), (_, .unix):
            bytes += [0x21, 0, 0, 0]
        default:
            bytes += [0x21, 0x21, 0, 36]
            bytes += source.addressBytes
            bytes += destination.addressBytes
            bytes += source.port.networkBytes
            bytes += destination.port.networkBytes
        }
        return bytes
    }

    private static func padded(_ name: [UInt8]) -> [UInt8] {
        Array(name.prefix(unixNameLength)) + [UInt8](repeating: 0, count: max(0, unixNameLength - name.count))
    }
}

extension SocketAddress {
    /// The address without a scope, as IPv6: an IPv4 address is IPv4-mapped.
    fileprivate var mapped: SocketAddress {
        switch storage {
        case .ipv4(let address, let port): .ipv6(high: 0, low: 0xffff << 32 | UInt64(address), port: port)
        case .ipv6(let high, let low, _, let port): .ipv6(high: high, low: low, port: port)
        case .unix: self
        }
    }

    /// The 16 bytes of the mapped address.
    fileprivate var addressBytes: [UInt8] {
        guard case .ipv6(let high, let low, _, _) = mapped.storage else { return [] }
        return high.networkBytes + low.networkBytes
    }
}

extension FixedWidthInteger {
    /// The bytes in network byte order.
    fileprivate var networkBytes: [UInt8] {
        stride(from: Self.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: self >> $0) }
    }
}
