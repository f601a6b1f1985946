// What was answered, over all connections and loops.

import Synchronization

/// Counts of a server, added to when a connection is over.
public final class HTTPCounts: Sendable {
    private let answers = Atomic<Int>(0)
    private let refusals = Atomic<Int>(0)

    /// Nothing counted yet.
    public init() {}

    /// Requests that were answered, with whatever status.
    public var answered: Int { answers.load(ordering: .relaxed) }

    /// What was no request, or came too slowly, and ended its connection.
    public var refused: Int { refusals.load(ordering: .relaxed) }

    func add(answered: Int, refused: Int) {
        answers.wrappingAdd(answered, ordering: .relaxed)
        refusals.wrappingAdd(refused, ordering: .relaxed)
    }
}
