// The reasons for refusing connections, and the counts by reason.

/// The reason why a connection was closed before it had a handler. New reasons may be added.
public struct Refusal: Sendable, Hashable, CustomStringConvertible {
    let number: Int

    /// The limit ``Limits/connections`` was reached.
    public static let connectionLimit = Refusal(number: 0)
    /// The limit ``Limits/connectionsPerAddress`` was reached for its address.
    public static let addressLimit = Refusal(number: 1)
    /// The server's policy does not allow its address.
    public static let policy = Refusal(number: 2)
    /// The process or the system was out of descriptors; the spare one served to refuse it.
    public static let descriptors = Refusal(number: 3)
    /// A PROXY header was required, and the peer was not a trusted proxy.
    public static let untrustedProxy = Refusal(number: 4)
    /// Its PROXY header was malformed or incomplete.
    public static let proxyHeader = Refusal(number: 5)
    /// Its PROXY header did not arrive in time.
    public static let proxyHeaderTimeout = Refusal(number: 6)
    /// The server was shutting down.
    public static let ending = Refusal(number: 7)
    /// The selector cannot take a descriptor of this number.
    public static let selectorCapacity = Refusal(number: 8)

    /// Every reason.
    package static let all = (0..<texts.count).map(Refusal.init(number:))

    private static let texts = [
        ("connectionLimit", "connection limit reached"),
        ("addressLimit", "connection limit of its address reached"),
        ("policy", "its address is not allowed"), ("descriptors", "out of file descriptors"),
        ("untrustedProxy", "not a trusted proxy"), ("proxyHeader", "malformed PROXY header"),
        ("proxyHeaderTimeout", "no PROXY header in time"), ("ending", "the server is shutting down"),
        ("selectorCapacity", "descriptor number too high for the selector"),
    ]

    /// The reason's stable name, for programs.
    package var name: String { Self.texts[number].0 }

    /// The reason in words.
    public var description: String { Self.texts[number].1 }
}

/// Refused connections by reason.
public struct RefusalCounts: Sendable, Hashable {
    private var counts = [Int](repeating: 0, count: Refusal.all.count)

    /// The number of connections refused for this reason.
    public internal(set) subscript(reason: Refusal) -> Int {
        get { counts[reason.number] }
        set { counts[reason.number] = newValue }
    }
}
