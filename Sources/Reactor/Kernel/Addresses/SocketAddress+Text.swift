// A socket address as text (RFC 3986 host and port: `127.0.0.1:7788`, `[::1]:7788`; `unix:/path`, `unix:@abstract`) and
// from text, with or without a look-up of names.

import CReactor
public import SystemPackage

extension SocketAddress: CustomStringConvertible {
    /// `ADDRESS:PORT`, an IPv6 address in brackets (RFC 5952); `unix:PATH`, an abstract name behind `@`. A name with
    /// bytes that are not text is escaped, see ``unix(_:)``. ``init(_:)`` parses every one of them but `unix:`, a socket
    /// without a name.
    public var description: String {
        switch storage {
        case .ipv4: "\(host):\(port)"
        case .ipv6: "[\(host)]:\(port)"
        case .unix: "unix:\(host)"
        }
    }

    /// The path of a Unix socket; `nil` for other addresses, for abstract names, and for sockets without a name.
    public var unixPath: FilePath? {
        guard case .unix(let name) = storage, let first = name.first, first != 0 else { return nil }
        return unsafe FilePath(platformString: name.map { CChar(bitPattern: $0) } + [0])
    }

    /// The address without its port; a link-local IPv6 address has its interface's index behind `%`. The path of a Unix
    /// socket, or its abstract name behind `@`.
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

    /// The Unix socket at a path, or of an abstract name: `@name`, which is nowhere in the file system and gone with the
    /// last descriptor (unix(7)).
    ///
    /// A name that begins with a backslash is escaped: `\xHH` stands for one byte, and everything else for itself. That
    /// is how ``description`` writes the names of peers that are not UTF-8, contain control characters, or would be
    /// mistaken for something else.
    /// - Throws: ``SocketError`` for a malformed name and for one of more than 108 bytes, the system's limit; the zero
    ///   byte in front of an abstract name is one of them. A server's path has at most 107.
    public static func unix(_ name: String) throws(SocketError) -> SocketAddress {
        SocketAddress(storage: .unix(try UnixName.parse(name)))
    }

    /// Parses `HOST:PORT` where the host is a numeric address, IPv6 in brackets, or `unix:PATH`. Looks nothing up.
    ///
    /// - Throws: ``SocketError`` that says what is wrong with the text.
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

    /// An address from a numeric host without brackets and a port; `nil` when the host is not numeric.
    public init?(host: String, port: UInt16) {
        if host.utf8.contains(0) { return nil }  // the C library would read only what is before it
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

    /// Parses `HOST:PORT` and, where the host is a name, asks the system's resolver for its addresses.
    ///
    /// This may block for seconds (getaddrinfo(3)): for start-up, never on a running loop.
    /// - Returns: At least one address, in the order in which they should be tried (RFC 6724).
    /// - Throws: ``SocketError`` when the text is malformed or the name has no address.
    public static func resolve(_ text: String) throws(SocketError) -> [SocketAddress] {
        if text.hasPrefix("unix:") { return [try SocketAddress(text)] }
        let (host, port) = try split(text)
        if let address = SocketAddress(host: host, port: port) { return [address] }
        return try SystemResolver().addresses(of: host, port: port)
    }

    /// A number of ASCII digits and nothing else: `UInt32("+4")` is 4.
    private static func number(_ digits: Substring) -> UInt32? {
        digits.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? UInt32(digits) : nil
    }

    /// The index of a network interface by its name; `nil` when there is none of that name.
    private static func interfaceIndex(_ name: String) -> UInt32? {
        let index = unsafe if_nametoindex(name)
        return index == 0 ? nil : index
    }

    /// Cuts `HOST:PORT` and `[HOST]:PORT`; the port is parsed digit by digit, because `Int("+4")` is 4.
    static func split(_ text: String) throws(SocketError) -> (host: String, port: UInt16) {
        guard let colon = text.lastIndex(of: ":") else {
            throw SocketError(.parse, subject: text, reason: "the port is missing; write HOST:PORT, as 127.0.0.1:7788")
        }
        let digits = text[text.index(after: colon)...]
        guard let number = number(digits), let port = UInt16(exactly: number) else {
            throw SocketError(.parse, subject: text, reason: "\"\(digits)\" is not a port; ports are 0 to 65535")
        }
        var host = text[..<colon]
        if host.hasPrefix("[") && host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw SocketError(.parse, subject: text, reason: "write an IPv6 address in brackets, as [::1]:7788")
        }
        guard !host.isEmpty else {
            throw SocketError(
                .parse, subject: text, reason: "the host is missing; 0.0.0.0 listens on all IPv4 addresses, [::] on all"
            )
        }
        return (String(host), port)
    }
}
