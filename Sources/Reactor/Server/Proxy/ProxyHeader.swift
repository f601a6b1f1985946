// The header that a proxy puts in front of a connection, to say whose it is: the PROXY protocol, versions 1 and 2
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Here are only bytes and what they mean; who may send
// them, and when, is ProxyProtocol's business.
//
//     version 1: a line of text, "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", of at most 107 bytes
//     version 2: | signature, 12 | version, command | family, protocol | length, 2 | addresses | extensions ... |

/// What a PROXY header says.
public struct ProxyHeader: Sendable, Hashable {
    /// The version of the protocol, 1 or 2.
    public let version: Int
    /// The client's address; `nil` where the proxy speaks for itself (`LOCAL`), does not know (`UNKNOWN`), or forwards
    /// datagrams, whose addresses are not those of a connection.
    public let source: SocketAddress?
    /// Where the client connected to; `nil` where there is no ``source``.
    public let destination: SocketAddress?
    /// Bytes of the header. What follows is the connection's.
    public let length: Int

    /// Bytes of a header of version 1 at most.
    static let longestText = 107
    /// Bytes of a header of version 2 that are taken at most. The protocol would allow 65,551; what is in use stays far
    /// below this.
    static let longestBinary = 4096
    /// Bytes up to and with the length of version 2.
    static let binaryPrefix = 16

    static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]
    static let textStart = Array("PROXY ".utf8)

    /// Reads a header from the first bytes of a connection.
    ///
    /// - Returns: `nil` when more bytes are needed.
    /// - Throws: ``ProxyHeaderError`` as soon as the bytes cannot become a header any more.
    public static func parse(_ bytes: [UInt8]) throws(ProxyHeaderError) -> ProxyHeader? {
        guard let first = bytes.first else { return nil }
        if first == signature[0] {
            guard bytes.starts(with: signature.prefix(bytes.count)) else { throw .noHeader }
            return try parseBinary(bytes)
        }
        guard bytes.starts(with: textStart.prefix(bytes.count)) else { throw .noHeader }
        return try parseText(bytes)
    }

    /// How many bytes may belong to the header of which these are the first.
    static func mostBytes(after bytes: [UInt8]) -> Int {
        if bytes.first == textStart[0] { return longestText }
        guard bytes.count >= binaryPrefix else { return binaryPrefix }
        return binaryPrefix + Int(bytes[14]) << 8 + Int(bytes[15])
    }
}

/// What is wrong with a PROXY header.
public struct ProxyHeaderError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, in words.
    public let description: String

    /// The connection begins with something else.
    public static let noHeader = ProxyHeaderError(description: "it begins with no PROXY header")
    /// The connection ended within the header.
    public static let incomplete = ProxyHeaderError(description: "it ended within its PROXY header")
    /// The header is longer than the protocol or the framework allows.
    public static let tooLong = ProxyHeaderError(description: "its PROXY header is too long")
    /// The version is neither 1 nor 2.
    public static let version = ProxyHeaderError(description: "its PROXY header has an unknown version")
    /// The command is neither `LOCAL` nor `PROXY`.
    public static let command = ProxyHeaderError(description: "its PROXY header has an unknown command")
    /// The family or the protocol is unknown.
    public static let family = ProxyHeaderError(description: "its PROXY header has an unknown address family")
    /// An address or a port is malformed.
    public static let address = ProxyHeaderError(description: "its PROXY header has a malformed address")
    /// The lengths within the header do not add up.
    public static let length = ProxyHeaderError(description: "the lengths in its PROXY header do not add up")
    /// The checksum is wrong.
    public static let checksum = ProxyHeaderError(description: "the checksum of its PROXY header is wrong")
}
