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
        try checkExtensions(bytes[..<total], from: binaryPrefix + addressLength)
        var reader = Reader(bytes: bytes, offset: binaryPrefix)
        var (source, destination): (SocketAddress?, SocketAddress?) = (nil, nil)
        switch isStream ? family : 0 {
        case 1:
            let addresses = (reader.number(4), reader.number(4))
            source = .init(storage: .ipv4(address: UInt32(addresses.0), port: UInt16(reader.number(2))))
            destination = .init(storage: .ipv4(address: UInt32(addresses.1), port: UInt16(reader.number(2))))
        case 2:
            let addresses = (reader.number(8), reader.number(8), reader.number(8), reader.number(8))
            source = .ipv6(high: addresses.0, low: addresses.1, port: UInt16(reader.number(2)))
            destination = .ipv6(high: addresses.2, low: addresses.3, port: UInt16(reader.number(2)))
        case 3:
            source = try unixAddress(bytes[reader.offset..<reader.offset + unixNameLength])
            destination = try unixAddress(bytes[reader.offset + unixNameLength..<reader.offset + 2 * unixNameLength])
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
    private static func checkExtensions(_ header: ArraySlice<UInt8>, from start: Int) throws(ProxyHeaderError) {
        var reader = Reader(bytes: Array(header), offset: start)
        var checksumOffset: Int?
        while reader.offset < header.count {
            guard header.count - reader.offset >= 3 else { throw .length }
            let type = UInt8(reader.number(1))
            let length = Int(reader.number(2))
            guard length <= header.count - reader.offset else { throw .length }
            if type == checksumType {
                guard length == 4, checksumOffset == nil else { throw .checksum }
                checksumOffset = reader.offset
            }
            reader.offset += length
        }
        guard let checksumOffset else { return }
        reader.offset = checksumOffset
        let expected = UInt32(reader.number(4))
        var zeroed = reader.bytes
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

    /// A reader of numbers in network byte order. The caller checks the bounds.
    private struct Reader {
        let bytes: [UInt8]
        var offset: Int

        mutating func number(_ size: Int) -> UInt64 {
            defer { offset += size }
            return bytes[offset..<offset + size].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}
