// All deadlines of a loop, soonest first: a four-way heap of small nodes, beside a table of what to do. Setting is
// O(log n), and O(1) for the common case of deadlines that grow; cancelling only marks, and marked nodes are swept out
// when they are as many as the living. Invariant 9: deadlines are monotonic; invariant 8: what is added during a turn
// waits for the next.
//
//     free --schedule--> waiting --due--> taken out (free again, or waiting anew when it repeats)
//       ^                   |
//       +------ cancel -----+     (its node stays in the heap, recognised as stale by its sequence number)

/// Names a timer that was set. It may be kept after the timer has fired: it then names nothing.
public struct Timer: Sendable, Hashable {
    let slot: UInt32
    let sequence: UInt64

    /// A handle that names no timer.
    static let none = Timer(slot: 0, sequence: 0)
}

/// What a timer does.
enum TimerAction {
    case call(() -> Void)
    case source(EventSource)
    /// Nothing: the slot is free.
    case nothing
}

/// The timers of one loop.
final class TimerQueue {
    private struct Node {
        let deadline: MonotonicTime
        let sequence: UInt64
        let slot: UInt32

        /// Soonest first; those of one moment in the order in which they were set.
        static func < (left: Node, right: Node) -> Bool {
            left.deadline.nanoseconds < right.deadline.nanoseconds
                || left.deadline.nanoseconds == right.deadline.nanoseconds && left.sequence < right.sequence
        }
    }

    private struct Slot {
        var action: TimerAction
        /// Nanoseconds between firings; 0 for once.
        var period: Int64
        /// The sequence number of the valid node; 0 when free.
        var sequence: UInt64
    }

    private var heap: [Node] = []
    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []
    private var lastSequence: UInt64 = 0
    private var stale = 0
    /// How many timers wait.
    private(set) var count = 0
    /// The deadline at the top of the heap, which may be a cancelled one. Beside the heap, because it is looked at in
    /// every turn.
    private var top = MonotonicTime.never

    /// Sets a timer.
    func schedule(at deadline: MonotonicTime, every period: Int64 = 0, _ action: TimerAction) -> Timer {
        lastSequence += 1
        count += 1
        let sequence = lastSequence
        let slot: UInt32
        if let free = freeSlots.popLast() {
            slot = free
            slots[Int(slot)] = Slot(action: action, period: period, sequence: sequence)
        } else {
            slot = UInt32(slots.count)
            slots.append(Slot(action: action, period: period, sequence: sequence))
        }
        push(Node(deadline: deadline, sequence: sequence, slot: slot))
        return Timer(slot: slot, sequence: sequence)
    }

    /// Cancels a timer and answers what it would have done; `nil` when it has fired or was cancelled before.
    ///
    /// What it would have done is the caller's to release, when the queue is no longer being changed: the last reference
    /// to an object may hang on it, and that object may cancel timers as it goes.
    @discardableResult
    func cancel(_ timer: Timer) -> TimerAction? {
        guard isWaiting(timer) else { return nil }
        let action = slots[Int(timer.slot)].action
        free(timer.slot)
        count -= 1
        stale += 1
        // Swept when half is stale: each node is swept once, so a cancel is O(1) on average.
        if stale > 64 && stale > heap.count / 2 { sweep() }
        return action
    }

    func isWaiting(_ timer: Timer) -> Bool {
        // A handle may outlive the timers that it was one of: those of an ended loop are gone.
        timer.sequence != 0 && Int(timer.slot) < slots.count && slots[Int(timer.slot)].sequence == timer.sequence
    }

    /// When the soonest timer is due; `nil` when none waits.
    @inline(__always)
    func soonest() -> MonotonicTime? {
        if stale > 0 { dropStaleTop() }
        return count > 0 ? top : nil
    }

    /// Whether a timer may be due at `now`.
    @inline(__always)
    func mayBeDue(at now: MonotonicTime) -> Bool { top <= now }

    /// A mark between timers that are set already and those that will be.
    var mark: UInt64 { lastSequence }

    /// Takes out the next timer that is due at `now` and was set before `mark`; a periodic one is set anew, at the first
    /// multiple of its period that is still to come: it neither drifts nor fires in a burst.
    func takeDue(at now: MonotonicTime, before mark: UInt64) -> TimerAction? {
        dropStaleTop()
        guard let top = heap.first, top.deadline <= now, top.sequence <= mark else { return nil }
        removeTop()
        let slot = Int(top.slot)
        let action = slots[slot].action
        if slots[slot].period > 0 {
            let period = slots[slot].period
            let late = now.nanoseconds - top.deadline.nanoseconds
            // The same sequence number, so that the handle which the user has goes on naming it.
            push(Node(deadline: top.deadline + (late / period + 1) * period, sequence: top.sequence, slot: top.slot))
        } else {
            free(top.slot)
            count -= 1
        }
        return action
    }

    /// Forgets all timers.
    func removeAll() {
        let ended = slots
        heap = []
        slots = []
        freeSlots = []
        (stale, count, top) = (0, 0, .never)
        withExtendedLifetime(ended) {}  // released last: what they hold may use the queue as it goes
    }

    private func free(_ slot: UInt32) {
        slots[Int(slot)] = Slot(action: .nothing, period: 0, sequence: 0)
        freeSlots.append(slot)
    }

    private func isStale(_ node: Node) -> Bool { slots[Int(node.slot)].sequence != node.sequence }

    private func dropStaleTop() {
        while stale > 0, let top = heap.first, isStale(top) {
            removeTop()
            stale -= 1
        }
    }

    private func sweep() {
        var kept: [Node] = []
        kept.reserveCapacity(heap.count - stale)
        for node in heap where !isStale(node) { kept.append(node) }
        // Sorted is a valid heap, but costs more than it is worth: sift from the last parent.
        heap = kept
        stale = 0
        if heap.count > 1 {
            for index in stride(from: (heap.count - 2) / 4, through: 0, by: -1) { siftDown(heap[index], from: index) }
        }
        top = heap.first?.deadline ?? .never
    }

    // MARK: The heap: the children of i are 4i+1 ... 4i+4

    private func push(_ node: Node) {
        heap.append(node)
        var index = heap.count - 1
        while index > 0 {
            let parent = (index - 1) / 4
            if !(node < heap[parent]) { break }
            heap[index] = heap[parent]
            index = parent
        }
        heap[index] = node
        if index == 0 { top = node.deadline }
    }

    private func removeTop() {
        let last = heap.removeLast()
        if !heap.isEmpty { siftDown(last, from: 0) }
        top = heap.first?.deadline ?? .never
    }

    private func siftDown(_ node: Node, from start: Int) {
        var index = start
        while true {
            let first = index * 4 + 1
            if first >= heap.count { break }
            var least = first
            for child in (first + 1)..<max(first + 1, min(first + 4, heap.count)) where heap[child] < heap[least] {
                least = child
            }
            if !(heap[least] < node) { break }
            heap[index] = heap[least]
            index = least
        }
        heap[index] = node
    }
}
