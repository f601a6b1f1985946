// Text on its way: lines end with CR LF, and a CR that ends none is followed by a zero byte (RFC 764, as RFC 1350 asks).
// Both directions go piece by piece, and a pair may be torn between two pieces; nothing is kept but that one byte.
//
//     here  a \n b \r c      there  a \r\n b \r\0 c

/// From here to there.
struct NetASCIIEncoder: Sendable {
    /// Encodes a piece.
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

/// From there to here.
struct NetASCIIDecoder: Sendable {
    /// The last byte was a CR, and what it means depends on the next.
    private var isTorn = false

    /// Decodes a piece. A CR that is followed by anything else stays what it is.
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

    /// What is left at the end.
    mutating func finish() -> [UInt8] {
        defer { isTorn = false }
        return isTorn ? [NetASCII.carriageReturn] : []
    }
}

private enum NetASCII {
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
}
