// IP networks, and a table of networks that is consulted at every accept. IPv4 and IPv6 share one space of 128 bits, in
// which IPv4 is ::ffff:0:0/96 (RFC 4291, 2.5.5.2), so that an IPv4 client of an IPv6 listener is treated as IPv4.

/// An IP network, such as `10.0.0.0/8` or `2001:db8::/32` (RFC 4632, RFC 4291).
public struct IPNetwork: Sendable, Hashable, CustomStringConvertible {
    /// The prefix length of IPv4-mapped addresses: a network with a shorter prefix holds IPv6 addresses only.
    static let mappedLength = 96

    let bits: AddressBits
    /// The prefix length in the 128-bit space, 0 to 128; for IPv4, 96 more than in text.
    let length: Int

    init(_ bits: AddressBits, length: Int) {
        self.bits = bits.prefix(length)
        self.length = length
    }

    /// Creates the network of a single address; `nil` for the address of a Unix socket.
    public init?(_ address: SocketAddress) {
        guard let bits = AddressBits(address) else { return nil }
        self.init(bits, length: 128)
    }

    /// Parses `ADDRESS/LENGTH`, or an address alone for a network of one. Addresses are numeric, without brackets.
    ///
    /// - Throws: ``SocketError`` that describes what is wrong with the text. An address with bits set after the prefix,
    ///   as in `10.0.0.1/8`, is an error as well, because it is more often a mistake than intended.
    public init(_ text: String) throws(SocketError) {
        func refuse(_ reason: String) -> SocketError {
            SocketError(.parse, subject: text, reason: reason)
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard !text.utf8.contains(UInt8(ascii: "%")), let host = parts.first,
            let address = SocketAddress(host: String(host), port: 0), let bits = AddressBits(address)
        else { throw refuse("it is not a numeric network; use a form like 10.0.0.0/8 or 2001:db8::/32") }
        let longest = address.isIPv6 ? 128 : 32
        var length = longest
        if parts.count == 2 {
            // Checked digit by digit, because Int("+4") is 4.
            let digits = parts[1].utf8
            guard (1...3).contains(digits.count), digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
                let number = Int(parts[1]), number <= longest
            else { throw refuse("the prefix length is invalid; use a number from 0 to \(longest)") }
            length = number
        }
        self.init(bits, length: length + 128 - longest)
        if self.bits != bits { throw refuse("the address has bits set after its prefix; use \(self)") }
    }

    /// Returns whether an address is in the network. IPv4 addresses, IPv4-mapped ones included, are in IPv4 networks
    /// only.
    public func contains(_ address: SocketAddress) -> Bool {
        guard let bits = AddressBits(address), length >= Self.mappedLength || !bits.isMapped else { return false }
        return bits.prefix(length) == self.bits
    }

    /// The network as text: `ADDRESS/LENGTH`.
    public var description: String {
        let isIPv4 = bits.isMapped && length >= Self.mappedLength
        return "\(bits.address.host)/\(isIPv4 ? length - Self.mappedLength : length)"
    }
}

/// An IP address as 128 bits.
struct AddressBits: Sendable, Hashable {
    let high: UInt64
    let low: UInt64

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Creates the bits of an address; `nil` for the address of a Unix socket.
    init?(_ address: SocketAddress) {
        switch address.storage {
        case .ipv4(let address, _): self.init(high: 0, low: 0xffff_0000_0000 | UInt64(address))
        case .ipv6(let high, let low, _, _): self.init(high: high, low: low)
        case .unix: return nil
        }
    }

    /// Whether this is an IPv4-mapped address.
    var isMapped: Bool { high == 0 && low >> 32 == 0xffff }

    /// Returns the first `length` bits, 0 to 128, followed by zeros.
    func prefix(_ length: Int) -> AddressBits {
        // Masks of the bits after the prefix. A smart shift by 64 or more yields 0.
        let (highRest, lowRest) = (UInt64.max >> length, UInt64.max >> max(0, length - 64))
        return AddressBits(high: high & ~highRest, low: low & ~lowRest)
    }

    /// The socket address of these bits, with port 0.
    var address: SocketAddress {
        isMapped
            ? SocketAddress(storage: .ipv4(address: UInt32(truncatingIfNeeded: low), port: 0))
            : .ipv6(high: high, low: low, port: 0)
    }
}

/// A table of values by network, with longest-prefix match. A look-up costs one hash per distinct prefix length,
/// regardless of the number of networks.
struct NetworkTable<Value: Sendable>: Sendable {
    private var values: [IPNetwork: Value] = [:]
    /// The distinct prefix lengths, longest first.
    private var lengths: [Int] = []

    var isEmpty: Bool { values.isEmpty }

    mutating func set(_ value: Value, for network: IPNetwork) {
        if values.updateValue(value, forKey: network) == nil, !lengths.contains(network.length) {
            lengths.append(network.length)
            lengths.sort(by: >)
        }
    }

    /// Returns the value of the longest network that contains this address, or `nil`.
    func value(for address: SocketAddress) -> Value? {
        guard let bits = AddressBits(address) else { return nil }
        let shortest = bits.isMapped ? IPNetwork.mappedLength : 0
        for length in lengths where length >= shortest {
            if let value = values[IPNetwork(bits, length: length)] { return value }
        }
        return nil
    }
}
