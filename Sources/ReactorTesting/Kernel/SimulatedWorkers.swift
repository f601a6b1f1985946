// The pool of a simulated world: its threads are appointments on the virtual clock. Work is done on the loop's own thread,
// while the loop waits, so that a seed decides in which order everything ends.

public import Reactor

/// Does blocking work in virtual time: as many pieces at once as it has workers, each for a time that the seed decides.
///
/// It is what ``Simulation`` gives its loop. It behaves as ``ThreadPool`` does: a bounded queue, work that has begun cannot
/// be cancelled, and a loop that ends waits for it no longer than it may. Safe to share: a world has one thread, and only that touches it.
public final class SimulatedWorkers: WorkerPool, @unchecked Sendable {
    private let kernel: SimulatedKernel
    private var random: SeededGenerator
    private var waiting: [OffloadedWork] = []
    private var running: [Piece] = []
    private var hasEnded = false

    /// How many pieces of work are done at once, at least 1. Default: 4.
    public var count = 4
    /// How much work waits beyond that; less than 0 counts as 0. Default: 256.
    public var queueLimit = 256
    /// How long a piece of work takes, in virtual nanoseconds. Default: 0.1 to 20 ms.
    public var duration: ClosedRange<Int> = 100_000...20_000_000

    /// Work that has begun, until it is finished.
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

    /// Workers in the world of a kernel.
    public init(kernel: SimulatedKernel) {
        self.kernel = kernel
        random = SeededGenerator(seed: kernel.seed ^ 0x574f_524b_4552)
    }

    /// How much work waits.
    public var waitingCount: Int { waiting.count }
    /// How much work is being done.
    public var runningCount: Int { running.count }

    /// Takes work, or refuses it.
    public func submit(_ work: OffloadedWork) throws(OffloadError) {
        if hasEnded { throw .poolEnded }
        if running.count >= max(1, count) && waiting.count >= max(0, queueLimit) { throw .queueFull }
        waiting.append(work)
        beginNext()
    }

    /// Forgets work that was cancelled.
    public func withdraw(_ work: OffloadedWork) { waiting.removeAll { $0 === work } }

    /// Finishes work now, if it does not take longer than `time`; lets that pass otherwise.
    public func wait(for work: OffloadedWork, within time: Duration) -> Bool {
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

    /// Takes no more work, drops what has not begun, and finishes the rest.
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
