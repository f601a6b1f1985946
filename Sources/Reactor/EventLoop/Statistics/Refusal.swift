// Why connections are refused, and how many were, by reason.

/// Why a connection was closed before there was a handler for it. New reasons may be added.
public struct Refusal: Sendable, Hashable, CustomStringConvertible {
    let number: Int

    /// ``Limits/connections`` were open.
    public static let connectionLimit = Refusal(number: 0)
    /// ``Limits/connectionsPerAddress`` from its address were open.
    public static let addressLimit = Refusal(number: 1)
    /// The server's policy does not allow its address.
    public static let policy = Refusal(number: 2)
    /// The process or the machine had no descriptor left but the one in reserve.
    public static let descriptors = Refusal(number: 3)
    /// It was to begin with a PROXY header, and did not come from a trusted proxy.
    public static let untrustedProxy = Refusal(number: 4)
    /// Its PROXY header was malformed or incomplete.
    public static let proxyHeader = Refusal(number: 5)
    /// Its PROXY header did not come in time.
    public static let proxyHeaderTimeout = Refusal(number: 6)
    /// The server was ending.
    public static let ending = Refusal(number: 7)
    /// The selector takes no descriptor of this number.
    public static let selectorCapacity = Refusal(number: 8)

    /// Every reason.
    public static let all = (0..<texts.count).map(Refusal.init(number:))

    private static let texts = [
        ("connectionLimit", "as many connections as allowed are open"),
        ("addressLimit", "as many connections from its address as allowed are open"),
        ("policy", "its address is not allowed"), ("descriptors", "no descriptor for it"),
        ("untrustedProxy", "not a trusted proxy"), ("proxyHeader", "malformed PROXY header"),
        ("proxyHeaderTimeout", "no PROXY header in time"), ("ending", "the server is ending"),
        ("selectorCapacity", "the selector takes no descriptor of this number"),
    ]

    /// The reason's name, for programs: it does not change.
    public var name: String { Self.texts[number].0 }

    /// The reason in words.
    public var description: String { Self.texts[number].1 }
}

/// Refused connections by reason.
public struct RefusalCounts: Sendable, Hashable {
    private var counts = [Int](repeating: 0, count: Refusal.all.count)

    /// How many were refused for this reason.
    public internal(set) subscript(reason: Refusal) -> Int {
        get { counts[reason.number] }
        set { counts[reason.number] = newValue }
    }
}
