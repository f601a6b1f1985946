// The worker pool of a simulated world: its threads are events on the virtual clock. Work runs on the loop's own thread
// while the loop waits, so that the seed determines the order of completion.

public import Reactor

/// A worker pool in virtual time: each worker handles one piece of work at a time, for a duration that the seed
/// determines.
///
/// ``Simulation`` gives it to its loop. It behaves like ``ThreadPool``: the queue is bounded, work that has begun
/// cannot be cancelled, and a loop that ends waits for running work no longer than its limit. Safe to share: a world
/// has one thread, and only that thread touches the pool.
public final class SimulatedWorkers: WorkScheduler, @unchecked Sendable {
    private let kernel: SimulatedKernel
    private var random: SeededGenerator
    private var waiting: [OffloadedWork] = []
    private var running: [Piece] = []
    private var hasEnded = false

    /// The number of workers, at least 1. Default: 4.
    public var count = 4
    /// The maximum number of waiting pieces of work; negative values count as 0. Default: 256.
    public var queueLimit = 256
    /// The duration of a piece of work, in virtual nanoseconds. Default: 0.1 to 20 ms.
    public var duration: ClosedRange<Int> = 100_000...20_000_000

    /// A piece of work that has begun and is not finished.
    private final class Piece {
        let work: OffloadedWork
        let end: MonotonicTime
        var begun: OffloadedWork.Begun?

        init(_ work: OffloadedWork, _ begun: consuming OffloadedWork.Begun, end: MonotonicTime) {
            self.work = work
            self.end = end
            self.begun = consume begun
        }

        func finish() {
            if let begun = begun.take() { work.finish(begun) }
        }
    }

    /// Creates workers in the world of a kernel.
    public init(kernel: SimulatedKernel) {
        self.kernel = kernel
        random = SeededGenerator(seed: kernel.seed ^ 0x574f_524b_4552)
    }

    /// The number of waiting pieces of work.
    public var waitingCount: Int { waiting.count }
    /// The number of running pieces of work.
    public var runningCount: Int { running.count }

    /// Queues a piece of work.
    ///
    /// - Throws: ``OffloadError/queueFull`` or ``OffloadError/poolEnded``.
    package func submit(_ work: OffloadedWork) throws(OffloadError) {
        if hasEnded { throw .poolEnded }
        if running.count >= max(1, count) && waiting.count >= max(0, queueLimit) { throw .queueFull }
        waiting.append(work)
        beginNext()
    }

    /// Removes cancelled work from the queue.
    package func withdraw(_ work: OffloadedWork) { waiting.removeAll { $0 === work } }

    /// Finishes running work at once if it ends within `time`; otherwise lets that time pass. Returns whether the work
    /// is over.
    package func wait(for work: OffloadedWork, within time: Duration) -> Bool {
        guard let piece = running.first(where: { $0.work === work }) else { return true }
        guard piece.end <= kernel.now().advanced(by: time) else {
            kernel.spend(time)
            return false
        }
        finish(work)
        return true
    }

    private func finish(_ work: OffloadedWork) {
        guard let index = running.firstIndex(where: { $0.work === work }) else { return }
        running.remove(at: index).finish()
    }

    /// Rejects further work, drops what has not begun, and finishes the rest.
    public func shutdown() {
        hasEnded = true
        let dropped = waiting
        waiting = []
        for work in dropped { work.drop(.poolEnded) }
        while let piece = running.first { finish(piece.work) }
    }

    private func beginNext() {
        while running.count < max(1, count), !waiting.isEmpty {
            let work = waiting.removeFirst()
            guard let begun = work.begin() else { continue }
            let time = Duration.nanoseconds(random.number(in: duration))
            running.append(Piece(work, begun, end: kernel.now().advanced(by: time)))
            kernel.after(time) { [weak self] in
                guard let self else { return }
                finish(work)
                beginNext()
            }
        }
    }
}
