// Conversion between socket addresses and text (`127.0.0.1:7788` and `[::1]:7788`, RFC 3986; `unix:/path` and
// `unix:@abstract`), with or without name resolution.

import CReactor
public import SystemPackage

extension SocketAddress: CustomStringConvertible {
    /// The address as text: `ADDRESS:PORT`, with IPv6 addresses in brackets (RFC 5952); `unix:PATH` or `unix:@NAME`.
    ///
    /// Names with bytes that are not printable text are escaped, see ``unix(_:)``. ``init(_:)`` parses all of these
    /// forms except `unix:`, which stands for an unnamed socket.
    public var description: String {
        switch storage {
        case .ipv4: "\(host):\(port)"
        case .ipv6: "[\(host)]:\(port)"
        case .unix: "unix:\(host)"
        }
    }

    /// The path of a Unix socket; `nil` for other addresses, abstract names and unnamed sockets.
    public var unixPath: FilePath? {
        guard case .unix(let name) = storage, let first = name.first, first != 0 else { return nil }
        return unsafe FilePath(platformString: name.map { CChar(bitPattern: $0) } + [0])
    }

    /// The address without its port. A link-local IPv6 address is followed by `%` and its interface's index. For a Unix
    /// socket, its path, or `@` and its abstract name.
    public var host: String {
        switch storage {
        case .ipv4(let address, _):
            return "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
        case .ipv6(let high, let low, let scope, _):
            var bytes = (high.bigEndian, low.bigEndian)
            return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
                guard unsafe inet_ntop(AF_INET6, &bytes, text.baseAddress, 64) != nil else { return "?" }
                let address = unsafe String(cString: text.baseAddress!)
                return scope == 0 ? address : "\(address)%\(scope)"
            }
        case .unix(let name):
            return UnixName.text(of: name)
        }
    }

    /// Returns the address of a Unix socket, given a path or an abstract name as `@name`.
    ///
    /// An abstract name does not exist in the file system and disappears with its last descriptor (unix(7)).
    ///
    /// A name that begins with a backslash is escaped: `\xHH` stands for one byte, every other character for itself.
    /// The ``description`` of a peer's address uses this form for names that are not UTF-8, contain control characters,
    /// or are ambiguous.
    ///
    /// - Throws: ``SocketError`` for a malformed name, or one longer than the system's limit of 108 bytes, which
    ///   include the zero byte in front of an abstract name. A server's path has at most 107 bytes.
    public static func unix(_ name: String) throws(SocketError) -> SocketAddress {
        SocketAddress(storage: .unix(try UnixName.parse(name)))
    }

    /// Parses `HOST:PORT` with a numeric host, IPv6 in brackets, or `unix:PATH`, without name resolution.
    ///
    /// - Throws: ``SocketError`` that describes what is wrong with the text.
    public init(_ text: String) throws(SocketError) {
        if text.hasPrefix("unix:") {
            self = try .unix(String(text.dropFirst(5)))
            return
        }
        let (host, port) = try Self.split(text)
        guard let address = SocketAddress(host: host, port: port) else {
            throw SocketError(.parse, subject: text, reason: "\"\(host)\" is not a numeric address")
        }
        self = address
    }

    /// Creates an address from a numeric host, without brackets, and a port; `nil` if the host is not numeric.
    public init?(host: String, port: UInt16) {
        if host.utf8.contains(0) { return nil }  // the C library would stop at the zero byte
        var four = in_addr()
        if unsafe inet_pton(AF_INET, host, &four) == 1 {
            storage = .ipv4(address: UInt32(bigEndian: four.s_addr), port: port)
            return
        }
        let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let scope = parts.count == 1 ? 0 : Self.number(parts[1]) ?? Self.interfaceIndex(String(parts[1])) else {
            return nil
        }
        var six: (UInt64, UInt64) = (0, 0)
        guard let address = parts.first, unsafe inet_pton(AF_INET6, String(address), &six) == 1 else { return nil }
        storage = .ipv6(high: UInt64(bigEndian: six.0), low: UInt64(bigEndian: six.1), scope: scope, port: port)
    }

    /// Parses `HOST:PORT` and resolves a host name with the system's resolver.
    ///
    /// This may block for seconds (getaddrinfo(3)): call it at start-up, never on a running loop.
    ///
    /// - Returns: At least one address, in the order in which to try them (RFC 6724).
    /// - Throws: ``SocketError`` if the text is malformed or the name has no address.
    public static func resolve(_ text: String) throws(SocketError) -> [SocketAddress] {
        if text.hasPrefix("unix:") { return [try SocketAddress(text)] }
        let (host, port) = try split(text)
        if let address = SocketAddress(host: host, port: port) { return [address] }
        return try SystemResolver().addresses(of: host, port: port)
    }

    /// Parses a number of ASCII digits only: `UInt32("+4")` is 4.
    private static func number(_ digits: Substring) -> UInt32? {
        digits.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? UInt32(digits) : nil
    }

    /// Returns the index of the network interface with this name, or `nil`.
    private static func interfaceIndex(_ name: String) -> UInt32? {
        let index = unsafe if_nametoindex(name)
        return index == 0 ? nil : index
    }

    /// Splits `HOST:PORT` or `[HOST]:PORT`. The port is checked digit by digit, because `Int("+4")` is 4.
    package static func split(_ text: String) throws(SocketError) -> (host: String, port: UInt16) {
        guard let colon = text.lastIndex(of: ":") else {
            throw SocketError(.parse, subject: text, reason: "the port is missing; use HOST:PORT, as in 127.0.0.1:7788")
        }
        let digits = text[text.index(after: colon)...]
        guard let number = number(digits), let port = UInt16(exactly: number) else {
            throw SocketError(.parse, subject: text, reason: "\"\(digits)\" is not a valid port; use 0 to 65535")
        }
        var host = text[..<colon]
        if host.hasPrefix("[") && host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw SocketError(.parse, subject: text, reason: "an IPv6 address needs brackets, as in [::1]:7788")
        }
        guard !host.isEmpty else {
            throw SocketError(
                .parse, subject: text, reason: "the host is missing; use 0.0.0.0 for all IPv4 addresses, [::] for all"
            )
        }
        return (String(host), port)
    }
}
