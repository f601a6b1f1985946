// Version 2 of the PROXY header: fixed fields in network byte order, addresses, and type-length-value extensions.

extension ProxyHeader {
    /// The type of the extension with a checksum over the whole header (`PP2_TYPE_CRC32C`).
    private static let checksumType: UInt8 = 3
    /// Bytes of a Unix socket's name in a header, padded with zeros.
    static let unixNameLength = 108

    static func parseBinary(_ bytes: [UInt8]) throws(ProxyHeaderError) -> ProxyHeader? {
        guard bytes.count >= binaryPrefix else { return nil }
        let total = mostBytes(after: bytes)
        // Errors are reported as soon as they are certain, before waiting for more input.
        guard bytes[12] >> 4 == 2 else { throw .version }
        let command = bytes[12] & 15
        guard command <= 1 else { throw .command }
        let (family, transport) = (bytes[13] >> 4, bytes[13] & 15)
        guard total <= longestBinary else { throw .tooLong }
        let speaksForItself = command == 0
        let addressLength = try speaksForItself ? 0 : addressLength(family: family, transport: transport)
        // Datagram addresses say nothing about this connection. For an unsupported protocol, the receiver ignores the
        // addresses and treats the connection as the proxy's own (2.2, "automatically falls back to the UNSPEC mode").
        let isStream = transport == 1
        guard binaryPrefix + addressLength <= total else { throw .length }
        guard bytes.count >= total else { return nil }

        // With the LOCAL command, everything after the length is to be ignored.
        if speaksForItself { return ProxyHeader(version: 2, source: nil, destination: nil, length: total) }
        let fields = unsafe bytes.span.bytes.extracting(first: total)  // safe: a UInt8 has no padding
        try checkExtensions(fields, from: binaryPrefix + addressLength)
        var (source, destination): (SocketAddress?, SocketAddress?) = (nil, nil)
        let start = binaryPrefix
        switch isStream ? family : 0 {
        case 1:
            source = ipv4Address(fields, at: start, port: start + 8)
            destination = ipv4Address(fields, at: start + 4, port: start + 10)
        case 2:
            source = ipv6Address(fields, at: start, port: start + 32)
            destination = ipv6Address(fields, at: start + 16, port: start + 34)
        case 3:
            source = try unixAddress(bytes[start..<start + unixNameLength])
            destination = try unixAddress(bytes[start + unixNameLength..<start + 2 * unixNameLength])
        default: break
        }
        return ProxyHeader(version: 2, source: source, destination: destination, length: total)
    }

    /// Returns the number of address bytes of a family.
    private static func addressLength(family: UInt8, transport: UInt8) throws(ProxyHeaderError) -> Int {
        switch (family, transport) {
        case (0, 0): 0  // unspecified: unknown to the proxy
        case (1, 1), (1, 2): 12
        case (2, 1), (2, 2): 36
        case (3, 1), (3, 2): 2 * unixNameLength
        default: throw .family
        }
    }

    private static func ipv4Address(_ fields: RawSpan, at offset: Int, port: Int) -> SocketAddress? {
        guard let address = fields.bigEndian(UInt32.self, at: offset),
            let port = fields.bigEndian(UInt16.self, at: port)
        else { return nil }
        return SocketAddress(storage: .ipv4(address: address, port: port))
    }

    private static func ipv6Address(_ fields: RawSpan, at offset: Int, port: Int) -> SocketAddress? {
        guard let high = fields.bigEndian(UInt64.self, at: offset),
            let low = fields.bigEndian(UInt64.self, at: offset + 8), let port = fields.bigEndian(UInt16.self, at: port)
        else { return nil }
        return .ipv6(high: high, low: low, port: port)
    }

    private static func unixAddress(_ field: ArraySlice<UInt8>) throws(ProxyHeaderError) -> SocketAddress {
        // A path ends at its first zero. An abstract name begins with one and cannot be distinguished from its padding.
        let length =
            field.first == 0
            ? (field.lastIndex { $0 != 0 }.map { $0 + 1 - field.startIndex } ?? 0)
            : (field.firstIndex(of: 0) ?? field.endIndex) - field.startIndex
        guard length <= SocketAddress.longestUnixName else { throw .address }
        return SocketAddress(storage: .unix(Array(field.prefix(length))))
    }

    /// Checks that the extensions end where the header does, and verifies the checksum if there is one.
    private static func checkExtensions(_ header: RawSpan, from start: Int) throws(ProxyHeaderError) {
        var offset = start
        var checksumOffset: Int?
        while offset < header.byteCount {
            guard let length = header.bigEndian(UInt16.self, at: offset + 1).map(Int.init),
                length <= header.byteCount - offset - 3
            else { throw .length }
            if header.byte(at: offset) == checksumType {
                guard length == 4, checksumOffset == nil else { throw .checksum }
                checksumOffset = offset + 3
            }
            offset += 3 + length
        }
        guard let checksumOffset, let expected = header.bigEndian(UInt32.self, at: checksumOffset) else { return }
        var zeroed = Array(header)
        zeroed.replaceSubrange(checksumOffset..<checksumOffset + 4, with: [0, 0, 0, 0])
        guard crc32c(zeroed) == expected else { throw .checksum }
    }

    /// Returns the CRC-32C (Castagnoli) checksum (RFC 3720, 12.1). It works bit by bit; one header per connection does
    /// not justify a table.
    static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        var remainder = UInt32.max
        for byte in bytes {
            remainder ^= UInt32(byte)
            for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
        return ~remainder
    }
}
