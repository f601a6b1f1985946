// Access control by network: which client addresses may connect.

/// An access list of client addresses.
///
/// The longest prefix that contains an address decides, regardless of the order of the lists; a network that is both
/// allowed and denied is denied. An address in no network is allowed, unless the list of allowed networks is not empty.
/// Clients of Unix sockets have no address and are always allowed; the mode of the socket's path restricts those.
///
///     try AcceptPolicy(allowing: [IPNetwork("10.0.0.0/8")], denying: [IPNetwork("10.6.6.0/24")])
public struct AcceptPolicy: Sendable {
    private var verdicts = NetworkTable<Bool>()
    private var allowsOthers = true

    /// A policy that allows every client.
    public static let everyone = AcceptPolicy()

    /// Creates a policy from networks, of any number: the cost of a lookup depends on the number of distinct prefix
    /// lengths.
    public init(allowing allowed: [IPNetwork] = [], denying denied: [IPNetwork] = []) {
        for network in allowed { verdicts.set(true, for: network) }
        for network in denied { verdicts.set(false, for: network) }
        allowsOthers = allowed.isEmpty
    }

    /// Returns whether a client with this address is accepted.
    public func allows(_ address: SocketAddress) -> Bool {
        if verdicts.isEmpty || address.isUnix { return true }
        return verdicts.value(for: address) ?? allowsOthers
    }
}
