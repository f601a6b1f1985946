// The load modes, by name.

/// The traffic that a load generates on its connections.
public struct LoadMode: Sendable, Hashable, CustomStringConvertible {
    /// The name: `echo`, `idle`, `churn` or `datagrams`.
    public let description: String

    private init(named name: String) { description = name }

    /// Exchanges messages on connections that stay open.
    public static let echo = LoadMode(named: "echo")
    /// Exchanges one message per connection, then holds the connections idle.
    public static let idle = LoadMode(named: "idle")
    /// Connects, exchanges one message, closes, and repeats.
    public static let churn = LoadMode(named: "churn")

    /// Exchanges UDP datagrams, with one datagram in flight per socket. A datagram that is not back after 200 ms is
    /// lost and counts as unanswered.
    public static let datagrams = LoadMode(named: "datagrams")

    /// All modes.
    public static let all: [LoadMode] = [.echo, .idle, .churn, .datagrams]

    /// Returns the mode with this name; `nil` for an unknown name.
    public init?(_ name: String) {
        guard let mode = Self.all.first(where: { $0.description == name }) else { return nil }
        self = mode
    }
}
