// What rooms above the loop keep with it, as far as the loop has to know.

/// The server's part of a loop: it lives as long as the loop, and is notified of its end.
class LoopCompanion {
    /// The loop's counters as its ``EventLoop/statistics`` show them.
    func shown(_ counters: LoopStatistics) -> LoopStatistics { counters }

    /// The loop shuts down.
    func loopEnds() {}
}
