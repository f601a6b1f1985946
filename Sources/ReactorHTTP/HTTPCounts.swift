// The counters of an HTTP server, summed over all connections and loops.

import Synchronization

/// The request counters of an HTTP server.
///
/// One instance can be shared by the servers of several loops and read from any thread. Each connection adds its counts
/// when it closes, so that requests on open connections are not included.
public final class HTTPCounts: Sendable {
    private let responseCount = Atomic<Int>(0)
    private let rejectionCount = Atomic<Int>(0)

    /// Creates counters that start at zero.
    public init() {}

    /// The number of requests that were processed, with any status of the response.
    public var responses: Int { responseCount.load(ordering: .relaxed) }

    /// The number of requests that were malformed, unsupported, over a limit or too slow, each of which ended its
    /// connection.
    public var rejected: Int { rejectionCount.load(ordering: .relaxed) }

    func add(responses: Int, rejected: Int) {
        responseCount.wrappingAdd(responses, ordering: .relaxed)
        rejectionCount.wrappingAdd(rejected, ordering: .relaxed)
    }
}
