// What a load does with its connections: the public choice, by name.

/// What a load does with its connections.
public struct LoadMode: Sendable, Hashable, CustomStringConvertible {
    /// The name: `echo`, `idle`, `churn` or `datagrams`.
    public let description: String

    private init(named name: String) { description = name }

    /// Messages go to and fro on connections that stay open.
    public static let echo = LoadMode(named: "echo")
    /// Connections exchange one message each, and are then held in silence.
    public static let idle = LoadMode(named: "idle")
    /// Connect, one message, its echo, close, and again.
    public static let churn = LoadMode(named: "churn")

    /// Over UDP: sockets in place of connections, with one datagram in flight on each; what is not back after 200 ms is
    /// lost, and counts as unanswered.
    public static let datagrams = LoadMode(named: "datagrams")

    /// All of them.
    public static let all: [LoadMode] = [.echo, .idle, .churn, .datagrams]

    /// The mode of this name; `nil` when there is none.
    public init?(_ name: String) {
        guard let mode = Self.all.first(where: { $0.description == name }) else { return nil }
        self = mode
    }
}
