// Several look-ups at once, done by a loop's workers, because each may block; the answers are told in the order of the
// questions.

public import Reactor

/// What came of one question.
public struct LookUpAnswer: Sendable, Encodable {
    /// What was asked.
    public let query: String
    /// What was found; empty where there is an error.
    public let results: [LookUpResult]
    /// Why nothing was found, in one line.
    public let error: String?
}

/// Look-ups off the loop.
public final class LookUpRun {
    /// Look-ups at once: fewer than a pool of workers takes.
    private static let mostAtOnce = 4

    private let loop: EventLoop
    private let queries: [String]
    private let work: @Sendable (String) throws(SocketError) -> [LookUpResult]
    private let answered: (LookUpAnswer) -> Void
    private let ended: () -> Void
    private var answers: [Int: LookUpAnswer] = [:]
    private var begun = 0
    private var told = 0

    /// Look-ups on a loop.
    ///
    /// - Parameters:
    ///   - work: looks one thing up; called by a worker, where it may block.
    ///   - answered: told each answer, in the order of the questions.
    ///   - ended: told that there are no more.
    public init(
        _ queries: [String], on loop: EventLoop,
        work: @escaping @Sendable (String) throws(SocketError) -> [LookUpResult],
        answered: @escaping (LookUpAnswer) -> Void, ended: @escaping () -> Void
    ) {
        (self.queries, self.loop) = (queries, loop)
        (self.work, self.answered, self.ended) = (work, answered, ended)
    }

    /// Begins. Nothing is told before the next turn.
    public func begin() {
        if queries.isEmpty { loop.execute { [self] in ended() } }
        for _ in 0..<min(Self.mostAtOnce, queries.count) { beginNext() }
    }

    /// The question that is waited for; `nil` when all are answered.
    public var awaited: String? { told < queries.count ? queries[told] : nil }

    private func beginNext() {
        guard begun < queries.count else { return }
        let (number, query) = (begun, queries[begun])
        begun += 1
        do throws(OffloadError) {
            try loop.offload { [work] in
                try work(query)
            } then: { [self] result in
                switch result {
                case .success(let results): take(number, LookUpAnswer(query: query, results: results, error: nil))
                case .failure(let error): take(number, LookUpAnswer(query: query, results: [], error: "\(error)"))
                }
            }
        } catch {
            loop.execute { [self] in take(number, LookUpAnswer(query: query, results: [], error: "\(error)")) }
        }
    }

    private func take(_ number: Int, _ answer: LookUpAnswer) {
        answers[number] = answer
        while let next = answers.removeValue(forKey: told) {
            told += 1
            answered(next)
        }
        if told == queries.count { ended() } else { beginNext() }
    }
}
