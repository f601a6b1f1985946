// The netascii encoding (RFC 764, required by RFC 1350): lines end with CR LF, and a bare CR is followed by a zero
// byte. Both directions work on pieces, and a pair may be split between two of them; the only state is that one byte.
//
//     local  a \n b \r c      on the wire  a \r\n b \r\0 c

/// Encodes local text for the wire.
struct NetASCIIEncoder: Sendable {
    /// Returns a piece, encoded.
    func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / 16)
        for byte in bytes {
            switch byte {
            case NetASCII.lineFeed: result += [NetASCII.carriageReturn, NetASCII.lineFeed]
            case NetASCII.carriageReturn: result += [NetASCII.carriageReturn, 0]
            default: result.append(byte)
            }
        }
        return result
    }
}

/// Decodes text from the wire.
struct NetASCIIDecoder: Sendable {
    /// Whether the last byte was a CR, whose meaning depends on the next byte.
    private var isTorn = false

    /// Returns a piece, decoded. A CR that is followed by anything but LF or zero is kept.
    mutating func decode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for byte in bytes {
            if isTorn {
                isTorn = false
                switch byte {
                case NetASCII.lineFeed:
                    result.append(NetASCII.lineFeed)
                    continue
                case 0:
                    result.append(NetASCII.carriageReturn)
                    continue
                default: result.append(NetASCII.carriageReturn)
                }
            }
            if byte == NetASCII.carriageReturn { isTorn = true } else { result.append(byte) }
        }
        return result
    }

    /// Returns what remains at the end of the input: a final CR, or nothing.
    mutating func finish() -> [UInt8] {
        defer { isTorn = false }
        return isTorn ? [NetASCII.carriageReturn] : []
    }
}

private enum NetASCII {
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
}
