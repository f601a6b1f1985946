// Who may connect: networks that are allowed and networks that are denied.

/// Which clients a server takes, by address.
///
/// The longest network that contains an address decides, whatever the order in which they were given; of the same network
/// allowed and denied, it is denied. An address in none of them is allowed, unless some network is allowed: whoever names
/// friends means nobody else. Clients of Unix sockets have no address and are allowed; the socket's mode is for those.
///
///     try AcceptPolicy(allowing: [IPNetwork("10.0.0.0/8")], denying: [IPNetwork("10.6.6.0/24")])
public struct AcceptPolicy: Sendable {
    private var verdicts = NetworkTable<Bool>()
    private var allowsOthers = true

    /// Everybody is allowed.
    public static let everyone = AcceptPolicy()

    /// A policy from lists of networks, of any length: a look-up depends on how many different prefix lengths there are.
    public init(allowing allowed: [IPNetwork] = [], denying denied: [IPNetwork] = []) {
        for network in allowed { verdicts.set(true, for: network) }
        for network in denied { verdicts.set(false, for: network) }
        allowsOthers = allowed.isEmpty
    }

    /// Whether a client with this address is taken.
    public func allows(_ address: SocketAddress) -> Bool {
        if verdicts.isEmpty || address.isUnix { return true }
        return verdicts.value(for: address) ?? allowsOthers
    }
}
