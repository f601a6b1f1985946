// Time that jumps: it stands still while the program computes, but for what a system call is said to cost, and leaps to
// the next thing that happens when the program waits. Nothing here sleeps.

import Reactor

/// The clock of a simulated world, and the things that are still to happen in it.
final class VirtualClock {
    private struct Happening {
        let time: Int64
        let sequence: UInt64
        let action: () -> Void

        /// Soonest first; those of one moment in the order in which they were scheduled.
        static func < (left: Happening, right: Happening) -> Bool {
            left.time < right.time || left.time == right.time && left.sequence < right.sequence
        }
    }

    /// Nanoseconds since the world began. It does not begin at 0, so that nothing takes 0 for "never".
    private(set) var now: Int64 = 1_000_000_000
    private var heap: [Happening] = []
    private var lastSequence: UInt64 = 0

    /// When the next thing happens; `nil` when nothing is to come.
    var next: Int64? { heap.first?.time }

    /// Lets something happen after a delay, in nanoseconds.
    func after(_ delay: Int64, _ action: @escaping () -> Void) { at(later(delay), action) }

    /// The moment after a delay; the end of time at the latest.
    func later(_ delay: Int64) -> Int64 {
        let (time, overflow) = now.addingReportingOverflow(max(0, delay))
        return overflow ? .max : time
    }

    /// Lets something happen at a moment, which may not be past.
    func at(_ time: Int64, _ action: @escaping () -> Void) {
        lastSequence += 1
        heap.append(Happening(time: max(time, now), sequence: lastSequence, action: action))
        var index = heap.count - 1
        while index > 0, heap[index] < heap[(index - 1) / 2] {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// Spends time, without letting anything happen yet.
    func spend(_ nanoseconds: Int64) { now = later(nanoseconds) }

    /// Moves to `time` and lets the first thing happen that is due by then; `false` when there is none.
    func advance(to time: Int64) -> Bool {
        guard let first = heap.first, first.time <= max(time, now) else {
            now = max(now, time)
            return false
        }
        now = max(now, first.time)
        removeFirst()
        first.action()
        return true
    }

    /// Forgets what is to come.
    func removeAll() { heap.removeAll() }

    private func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var index = 0
        while true {
            var least = index
            for child in (2 * index + 1)..<(2 * index + 3) where child < heap.count && heap[child] < heap[least] {
                least = child
            }
            if least == index { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
