// What a load does with its connections: the public choice, by name.

/// What a load does with its connections.
public struct LoadMode: Sendable, Hashable, CustomStringConvertible {
    /// The name: `echo`, `idle` or `churn`.
    public let description: String

    private init(named name: String) { description = name }

    /// Messages go to and fro on connections that stay open.
    public static let echo = LoadMode(named: "echo")
    /// Connections exchange one message each, and are then held in silence.
    public static let idle = LoadMode(named: "idle")
    /// Connect, one message, its echo, close, and again.
    public static let churn = LoadMode(named: "churn")

    /// All of them.
    public static let all: [LoadMode] = [.echo, .idle, .churn]

    /// The mode of this name; `nil` when there is none.
    public init?(_ name: String) {
        guard let mode = Self.all.first(where: { $0.description == name }) else { return nil }
        self = mode
    }
}
