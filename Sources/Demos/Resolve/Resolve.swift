// The classic lookups of network programming, from names to numbers and back. They may block for seconds, so programs
// with a loop run them on its pool (`ResolveRun`).

package import Reactor

/// The result of a lookup; fields that do not apply to the kind of lookup are `nil`.
package struct ResolveResult: Sendable, Hashable, Encodable {
    /// The name of a host or of a service.
    package var name: String?
    /// The aliases of a service.
    package var aliases: [String]?
    /// An address as text.
    package var address: String?
    /// `IPv4` or `IPv6`.
    package var family: String?
    /// A port number.
    package var port: UInt16?
    /// `tcp` or `udp`.
    package var transport: String?
    /// The bytes of the address or the port in network byte order, in hexadecimal.
    package var networkBytes: String?
    /// An IPv4 address as a number.
    package var number: UInt32?
    /// The same bytes as a little-endian machine reads them without conversion.
    package var littleEndianNumber: UInt32?

    init() {}

    init(_ address: AddressBytes, text: String? = nil) {
        self.address = text ?? address.text
        family = address.isIPv6 ? "IPv6" : "IPv4"
        networkBytes = address.hex
        (number, littleEndianNumber) = (address.numbers?.network, address.numbers?.littleEndian)
    }
}

/// The lookups. All may block, except the conversions between text and bytes.
package enum Resolve {
    /// The address family of a lookup.
    package enum Family: Sendable { case any, ipv4, ipv6 }

    /// Returns the addresses of a host, in the order in which to try them (getaddrinfo(3), RFC 6724).
    ///
    /// - Throws: `SocketError` if the name has no address of the family.
    package static func host(
        _ name: String, _ family: Family, _ resolver: any NameResolver
    ) throws(SocketError) -> [ResolveResult] {
        if name.isEmpty { throw failure(name, "the name is missing") }
        let found = try resolver.addresses(of: name, port: 0)
        let wanted = found.filter { family == .any || $0.isIPv6 == (family == .ipv6) }
        if wanted.isEmpty { throw failure(name, "it has no \(family == .ipv6 ? "IPv6" : "IPv4") address") }
        return wanted.compactMap { address in
            // The interface after % is not part of the bytes.
            let text = address.host
            return AddressBytes(text: String(text.prefix { $0 != "%" })).map { ResolveResult($0, text: text) }
        }
    }

    /// Returns the name of an address (getnameinfo(3)).
    ///
    /// - Throws: `SocketError` if the address is malformed or has no name.
    package static func address(_ text: String) throws(SocketError) -> [ResolveResult] {
        guard SocketAddress(host: text, port: 0) != nil else { throw failure(text, "it is not a numeric address") }
        var result = ResolveResult()
        // The owner of an address chooses its name and is not trusted.
        result.name = PrintableText.sanitized(try SystemNames.name(ofHost: text).utf8)
        result.address = text
        return [result]
    }

    /// Returns the ports of a service, `NAME` or `NAME/tcp` (getservbyname(3), services(5)).
    ///
    /// - Throws: `SocketError` if the service is unknown.
    package static func service(_ text: String) throws(SocketError) -> [ResolveResult] {
        let (name, transports) = try split(text)
        let found = transports.compactMap { SystemNames.service(named: name, $0) }
        if found.isEmpty { throw failure(text, "unknown service; see /etc/services") }
        return found
    }

    /// Returns the service of a port, `PORT` or `PORT/tcp` (getservbyport(3), services(5)).
    ///
    /// - Throws: `SocketError` if the port is malformed or unknown.
    package static func port(_ text: String) throws(SocketError) -> [ResolveResult] {
        let (digits, transports) = try split(text)
        // Check each digit, because UInt16("+4") is 4.
        guard digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), let port = UInt16(digits) else {
            throw failure(text, "\"\(digits)\" is not a port; ports are 0 to 65535")
        }
        let found = transports.compactMap { SystemNames.service(at: port, $0) }
        if found.isEmpty { throw failure(text, "no service is known at this port; see /etc/services") }
        return found
    }

    /// Returns the bytes of a numeric address (inet_pton(3)).
    ///
    /// - Throws: `SocketError` if the address is malformed.
    package static func bytes(of text: String) throws(SocketError) -> [ResolveResult] {
        guard let address = AddressBytes(text: text) else {
            throw failure(text, "it is not a numeric address, such as 192.0.2.1 or 2001:db8::1")
        }
        return [ResolveResult(address)]
    }

    /// Returns the address that hexadecimal bytes represent (inet_ntop(3)).
    ///
    /// - Throws: `SocketError` if the bytes are malformed.
    package static func text(of hex: String) throws(SocketError) -> [ResolveResult] {
        guard let address = AddressBytes(hex: hex) else {
            throw failure(hex, "write 4 or 16 bytes in hexadecimal digits, such as 7f000001 or '7f 00 00 01'")
        }
        return [ResolveResult(address)]
    }

    private static func split(_ text: String) throws(SocketError) -> (String, [String]) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard let first = parts.first, !first.isEmpty, !text.utf8.contains(0) else {
            throw failure(text, "the name or port is missing")
        }
        if parts.count == 1 { return (first, ["tcp", "udp"]) }
        guard parts.count == 2, ["tcp", "udp"].contains(parts[1]) else {
            throw failure(text, "use tcp or udp after the slash")
        }
        return (first, [parts[1]])
    }

    static func failure(_ subject: String, _ reason: String) -> SocketError {
        SocketError(.resolve, subject: subject.isEmpty ? "\"\"" : PrintableText.sanitized(subject.utf8), reason: reason)
    }
}
