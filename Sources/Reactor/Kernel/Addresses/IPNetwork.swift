// Networks of addresses, and a table of them that is asked at every accept. IPv4 and IPv6 live in one space of 128 bits,
// where IPv4 is ::ffff:0:0/96 (RFC 4291, 2.5.5.2), so that an IPv4 client of an IPv6 listener is what it is.

/// A network of IP addresses, as `10.0.0.0/8` or `2001:db8::/32` (RFC 4632, RFC 4291).
public struct IPNetwork: Sendable, Hashable, CustomStringConvertible {
    /// Where IPv4 begins: a network shorter than this holds IPv6 addresses only.
    static let mappedLength = 96

    let bits: AddressBits
    /// Leading bits that its addresses share, 0 to 128; for IPv4, 96 more than is written.
    let length: Int

    init(_ bits: AddressBits, length: Int) {
        self.bits = bits.prefix(length)
        self.length = length
    }

    /// The network of one address; `nil` for a Unix socket's, which is in none.
    public init?(_ address: SocketAddress) {
        guard let bits = AddressBits(address) else { return nil }
        self.init(bits, length: 128)
    }

    /// Parses `ADDRESS/LENGTH`, or an address alone, which is a network of one. Numeric, without brackets.
    ///
    /// - Throws: ``SocketError`` that says what is wrong with the text; also when the address has bits set behind its
    ///   length, as `10.0.0.1/8`, which is more often a slip than meant.
    public init(_ text: String) throws(SocketError) {
        func refuse(_ reason: String) -> SocketError {
            SocketError(.parse, subject: text, reason: reason)
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard !text.utf8.contains(UInt8(ascii: "%")), let host = parts.first,
            let address = SocketAddress(host: String(host), port: 0), let bits = AddressBits(address)
        else { throw refuse("write a network in numbers, as 10.0.0.0/8 or 2001:db8::/32") }
        let longest = address.isIPv6 ? 128 : 32
        var length = longest
        if parts.count == 2 {
            // Digit by digit: Int("+4") is 4.
            let digits = parts[1].utf8
            guard (1...3).contains(digits.count), digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
                let number = Int(parts[1]), number <= longest
            else { throw refuse("the length of this network is a number from 0 to \(longest)") }
            length = number
        }
        self.init(bits, length: length + 128 - longest)
        if self.bits != bits { throw refuse("there are bits behind the length; the network is \(self)") }
    }

    /// Whether an address is in the network. IPv4 addresses are in IPv4 networks only, in IPv6 clothes as well.
    public func contains(_ address: SocketAddress) -> Bool {
        guard let bits = AddressBits(address), length >= Self.mappedLength || !bits.isMapped else { return false }
        return bits.prefix(length) == self.bits
    }

    /// As it is written.
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

    /// `nil` for a Unix socket's address.
    init?(_ address: SocketAddress) {
        switch address.storage {
        case .ipv4(let address, _): self.init(high: 0, low: 0xffff_0000_0000 | UInt64(address))
        case .ipv6(let high, let low, _, _): self.init(high: high, low: low)
        case .unix: return nil
        }
    }

    /// Whether this is an IPv4 address.
    var isMapped: Bool { high == 0 && low >> 32 == 0xffff }

    /// The first bits, 0 to 128, and zeros.
    func prefix(_ length: Int) -> AddressBits {
        // What is behind the prefix; shifting all 64 bits out leaves none.
        let (highRest, lowRest) = (UInt64.max >> length, UInt64.max >> max(0, length - 64))
        return AddressBits(high: high & ~highRest, low: low & ~lowRest)
    }

    /// The same as a socket's address, with port 0.
    var address: SocketAddress {
        isMapped
            ? SocketAddress(storage: .ipv4(address: UInt32(truncatingIfNeeded: low), port: 0))
            : .ipv6(high: high, low: low, port: 0)
    }
}

/// Something about each network, found by address: the longest network that contains it counts. A look-up costs as many
/// hashes as there are different lengths, however many networks there are.
struct NetworkTable<Value: Sendable>: Sendable {
    private var values: [IPNetwork: Value] = [:]
    /// The lengths that occur, longest first.
    private var lengths: [Int] = []

    var isEmpty: Bool { values.isEmpty }

    mutating func set(_ value: Value, for network: IPNetwork) {
        if values.updateValue(value, forKey: network) == nil, !lengths.contains(network.length) {
            lengths.append(network.length)
            lengths.sort(by: >)
        }
    }

    /// What is known of the longest network that contains this address.
    func value(for address: SocketAddress) -> Value? {
        guard let bits = AddressBits(address) else { return nil }
        let shortest = bits.isMapped ? IPNetwork.mappedLength : 0
        for length in lengths where length >= shortest {
            if let value = values[IPNetwork(bits, length: length)] { return value }
        }
        return nil
    }
}
