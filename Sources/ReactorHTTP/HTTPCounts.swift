// The counters of an HTTP server, summed over all connections and loops.

import Synchronization

/// The request counters of an HTTP server.
///
/// One instance can be shared by the servers of several loops and read from any thread. Each connection adds its counts
/// when it closes, so that requests on open connections are not included.
public final class HTTPCounts: Sendable {
    private let answers = Atomic<Int>(0)
    private let refusals = Atomic<Int>(0)

    /// Creates counters that start at zero.
    public init() {}

    /// The number of requests that were answered, with any status.
    public var answered: Int { answers.load(ordering: .relaxed) }

    /// The number of requests that were malformed, unsupported, over a limit or too slow, each of which ended its
    /// connection.
    public var refused: Int { refusals.load(ordering: .relaxed) }

    func add(answered: Int, refused: Int) {
        answers.wrappingAdd(answered, ordering: .relaxed)
        refusals.wrappingAdd(refused, ordering: .relaxed)
    }
}
