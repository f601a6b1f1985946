// Runs several lookups at once on a loop's pool, because each may block, and reports their results in the order of the
// queries.

package import Reactor

/// The outcome of one query.
package struct ResolveOutcome: Sendable, Encodable {
    /// The query.
    package let query: String
    /// The results; empty after an error.
    package let results: [ResolveResult]
    /// The error in one line; `nil` after a success.
    package let error: String?
}

/// A run of lookups off the loop.
package final class ResolveRun {
    /// The maximum number of concurrent lookups, fewer than the pool's threads.
    private static let mostAtOnce = 4

    private let loop: EventLoop
    private let queries: [String]
    private let work: @Sendable (String) throws(SocketError) -> [ResolveResult]
    private let onOutcome: (ResolveOutcome) -> Void
    private let onEnd: () -> Void
    private var outcomes: [Int: ResolveOutcome] = [:]
    private var begun = 0
    private var reported = 0

    /// Creates a run on a loop.
    ///
    /// - Parameters:
    ///   - queries: the queries.
    ///   - loop: the loop whose pool runs them.
    ///   - work: performs one lookup; called on a thread of the pool, where it may block.
    ///   - onOutcome: called with each outcome, in the order of the queries.
    ///   - onEnd: called after the last outcome.
    package init(
        _ queries: [String], on loop: EventLoop,
        work: @escaping @Sendable (String) throws(SocketError) -> [ResolveResult],
        onOutcome: @escaping (ResolveOutcome) -> Void, onEnd: @escaping () -> Void
    ) {
        (self.queries, self.loop) = (queries, loop)
        (self.work, self.onOutcome, self.onEnd) = (work, onOutcome, onEnd)
    }

    /// Starts the run. No callback is called before the next turn of the loop.
    package func begin() {
        if queries.isEmpty { loop.execute { [self] in onEnd() } }
        for _ in 0..<min(Self.mostAtOnce, queries.count) { beginNext() }
    }

    /// The first query without an outcome; `nil` when all are complete.
    package var awaited: String? { reported < queries.count ? queries[reported] : nil }

    private func beginNext() {
        guard begun < queries.count else { return }
        let (number, query) = (begun, queries[begun])
        begun += 1
        do throws(OffloadError) {
            try loop.offload { [work] in
                try work(query)
            } then: { [self] result in
                switch result {
                case .success(let results): take(number, ResolveOutcome(query: query, results: results, error: nil))
                case .failure(let error): take(number, ResolveOutcome(query: query, results: [], error: "\(error)"))
                }
            }
        } catch {
            loop.execute { [self] in take(number, ResolveOutcome(query: query, results: [], error: "\(error)")) }
        }
    }

    private func take(_ number: Int, _ outcome: ResolveOutcome) {
        outcomes[number] = outcome
        while let next = outcomes.removeValue(forKey: reported) {
            reported += 1
            onOutcome(next)
        }
        if reported == queries.count { onEnd() } else { beginNext() }
    }
}
