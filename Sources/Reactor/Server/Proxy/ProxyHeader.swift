// The header that a proxy puts before a connection to convey the client's address: the PROXY protocol, versions 1 and 2
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). This is parsing only; ProxyProtocol decides which
// peers may send a header, and when.
//
//     version 1: a line of text, "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", of at most 107 bytes
//     version 2: | signature, 12 | version, command | family, protocol | length, 2 | addresses | extensions ... |

/// A parsed PROXY header.
package struct ProxyHeader: Sendable, Hashable {
    /// The protocol version, 1 or 2.
    package let version: Int
    /// The client's address.
    ///
    /// `nil` if the proxy connects on its own behalf (`LOCAL`), does not know the client (`UNKNOWN`), or forwards
    /// datagrams, whose addresses are not those of a connection.
    package let source: SocketAddress?
    /// The address that the client connected to; `nil` if there is no ``source``.
    package let destination: SocketAddress?
    /// The length of the header in bytes. The connection's own data follows.
    package let length: Int
    /// The maximum length of a version 1 header, in bytes.
    static let longestText = 107
    /// The maximum length of a version 2 header, in bytes. The protocol allows 65,551; headers in use are far shorter.
    static let longestBinary = 4096
    /// The length of a version 2 header up to and including its length field, in bytes.
    static let binaryPrefix = 16

    static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]
    static let textStart = Array("PROXY ".utf8)

    /// Parses a header at the beginning of a connection's input.
    ///
    /// - Parameter bytes: the first bytes of the connection.
    /// - Returns: The header, or `nil` when more bytes are needed.
    /// - Throws: ``ProxyHeaderError`` as soon as the bytes cannot become a valid header.
    package static func parse(_ bytes: [UInt8]) throws(ProxyHeaderError) -> ProxyHeader? {
        guard let first = bytes.first else { return nil }
        if first == signature[0] {
            guard bytes.starts(with: signature.prefix(bytes.count)) else { throw .noHeader }
            return try parseBinary(bytes)
        }
        guard bytes.starts(with: textStart.prefix(bytes.count)) else { throw .noHeader }
        return try parseText(bytes)
    }

    /// Returns the maximum length of a header that begins with these bytes.
    static func mostBytes(after bytes: [UInt8]) -> Int {
        if bytes.first == textStart[0] { return longestText }
        guard bytes.count >= binaryPrefix else { return binaryPrefix }
        return binaryPrefix + Int(bytes[14]) << 8 + Int(bytes[15])
    }
}

/// An error in a PROXY header.
package struct ProxyHeaderError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A description of the error.
    package let description: String

    /// The connection does not begin with a header.
    package static let noHeader = ProxyHeaderError(description: "it does not begin with a PROXY header")
    /// The connection ended within the header.
    package static let incomplete = ProxyHeaderError(description: "it ended in the middle of its PROXY header")
    /// The header is longer than the protocol or the framework allows.
    package static let tooLong = ProxyHeaderError(description: "its PROXY header is too long")
    /// The version is neither 1 nor 2.
    package static let version = ProxyHeaderError(description: "its PROXY header has an unknown version")
    /// The command is neither `LOCAL` nor `PROXY`.
    package static let command = ProxyHeaderError(description: "its PROXY header has an unknown command")
    /// The family or the protocol is unknown.
    package static let family = ProxyHeaderError(description: "its PROXY header has an unknown address family")
    /// An address or a port is malformed.
    package static let address = ProxyHeaderError(description: "its PROXY header has a malformed address")
    /// The lengths within the header are inconsistent.
    package static let length = ProxyHeaderError(description: "its PROXY header has inconsistent lengths")
    /// The checksum does not match.
    package static let checksum = ProxyHeaderError(description: "its PROXY header has a wrong checksum")
}
