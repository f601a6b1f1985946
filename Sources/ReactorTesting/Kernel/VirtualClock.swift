// Virtual time: it stands still while the program computes, apart from the cost of system calls, and leaps to the next
// event when the program waits. Nothing here sleeps.

import Reactor

/// The clock of a simulated world, with its pending events.
final class VirtualClock {
    private struct Happening {
        let time: Int64
        let sequence: UInt64
        let action: () -> Void

        /// Orders events by time, then by scheduling order.
        static func < (left: Happening, right: Happening) -> Bool {
            left.time < right.time || left.time == right.time && left.sequence < right.sequence
        }
    }

    /// Nanoseconds since the world began. The clock does not start at 0, so that 0 cannot be mistaken for "never".
    private(set) var now: Int64 = 1_000_000_000
    private var heap: [Happening] = []
    private var lastSequence: UInt64 = 0

    /// The time of the next event; `nil` when none is pending.
    var next: Int64? { heap.first?.time }

    /// Schedules an action after a delay in nanoseconds.
    func after(_ delay: Int64, _ action: @escaping () -> Void) { at(later(delay), action) }

    /// Returns the time after a delay, clamped to the end of the clock.
    func later(_ delay: Int64) -> Int64 {
        let (time, overflow) = now.addingReportingOverflow(max(0, delay))
        return overflow ? .max : time
    }

    /// Schedules an action at a time, at the earliest now.
    func at(_ time: Int64, _ action: @escaping () -> Void) {
        lastSequence += 1
        heap.append(Happening(time: max(time, now), sequence: lastSequence, action: action))
        var index = heap.count - 1
        while index > 0, heap[index] < heap[(index - 1) / 2] {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// Advances the clock without running any action.
    func spend(_ nanoseconds: Int64) { now = later(nanoseconds) }

    /// Advances to `time` at most and runs the first action due by then; returns `false` when none is due.
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

    /// Cancels all pending actions.
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
