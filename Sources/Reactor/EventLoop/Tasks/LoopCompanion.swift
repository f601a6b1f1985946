// The part of higher-level state that the loop has to know of.

/// A server's per-loop state: it lives as long as the loop, and is notified when the loop ends.
class LoopCompanion {
    /// Returns the loop's counters as its ``EventLoop/statistics`` shows them.
    func shown(_ counters: LoopStatistics) -> LoopStatistics { counters }

    /// Handles the loop's shutdown.
    func loopEnds() {}
}
