// All deadlines of a loop, soonest first: a four-way heap of small nodes beside a table of actions. Setting is O(log
// n), and O(1) in the common case of growing deadlines; cancelling only marks a node as stale, and stale nodes are
// swept out when they outnumber the live ones. Invariant 9: deadlines are monotonic; invariant 8: a timer set during a
// turn waits for the next.
//
//     free --schedule--> waiting --due--> taken out (free again, or waiting again when it repeats)
//       ^                   |
//       +------ cancel -----+     (its node stays in the heap, recognised as stale by its sequence number)
//
// Both are tables of plain memory: a million timers are set and cancelled without an exclusivity check.

/// A handle of a timer. It may outlive the timer: it then has no effect.
public struct LoopTimer: Sendable, Hashable {
    let slot: UInt32
    let sequence: UInt64

    /// A handle of no timer.
    static let none = LoopTimer(slot: 0, sequence: 0)
}

/// The action of a timer.
enum TimerAction {
    case call(() -> Void)
    case source(EventSource)
    /// No action: the slot is free.
    case nothing
}

/// The timers of one loop.
final class TimerQueue {
    private struct Node {
        let deadline: MonotonicTime
        let sequence: UInt64
        let slot: UInt32

        /// Orders by deadline; equal deadlines by the order in which they were set.
        static func < (left: Node, right: Node) -> Bool {
            left.deadline.nanoseconds < right.deadline.nanoseconds
                || left.deadline.nanoseconds == right.deadline.nanoseconds && left.sequence < right.sequence
        }
    }

    private struct Slot {
        var action: TimerAction
        /// Nanoseconds between firings, 0 for a one-shot timer; in a free slot, the index of the next free one, -1 at
        /// the end.
        var period: Int64
        /// The sequence number of the valid node; 0 when free.
        var sequence: UInt64
    }

    private static let noSlot: Int64 = -1

    private let heap = GrowingTable(filledWith: Node(deadline: .never, sequence: 0, slot: 0))
    private var heapCount = 0
    private var slots = TimerQueue.noSlots()
    private var slotCount = 0
    private var firstFree = TimerQueue.noSlot
    private var lastSequence: UInt64 = 0
    private var stale = 0
    /// The number of pending timers.
    private(set) var count = 0
    /// The deadline at the top of the heap, which may be a cancelled one. Kept outside the heap because it is read in
    /// every turn.
    private var top = MonotonicTime.never

    private static func noSlots() -> GrowingTable<Slot> {
        GrowingTable(filledWith: Slot(action: .nothing, period: noSlot, sequence: 0))
    }

    // MARK: Setting and cancelling

    /// Sets a timer; a `period` in nanoseconds other than 0 makes it repeat.
    func schedule(at deadline: MonotonicTime, every period: Int64 = 0, _ action: TimerAction) -> LoopTimer {
        lastSequence += 1
        count += 1
        let slot = takeFreeSlot()
        slots[slot] = Slot(action: action, period: period, sequence: lastSequence)
        // Clamped to the clock's origin, so that the difference to a deadline never overflows.
        let deadline = MonotonicTime(nanoseconds: max(0, deadline.nanoseconds))
        push(Node(deadline: deadline, sequence: lastSequence, slot: UInt32(slot)))
        return LoopTimer(slot: UInt32(slot), sequence: lastSequence)
    }

    /// Cancels a timer and returns its action; `nil` when it has fired or was cancelled before.
    ///
    /// The caller releases the action once the queue is no longer being changed: it may hold the last reference to an
    /// object whose deinit cancels timers.
    @discardableResult
    func cancel(_ timer: LoopTimer) -> TimerAction? {
        guard isWaiting(timer) else { return nil }
        let action = free(Int(timer.slot))
        count -= 1
        stale += 1
        // Swept when half of the nodes are stale: each node is swept once, so a cancel is O(1) amortized.
        if stale > 64 && stale > heapCount / 2 { sweep() }
        return action
    }

    func isWaiting(_ timer: LoopTimer) -> Bool {
        // A handle may outlive the whole table: an ended loop forgets its timers.
        timer.sequence != 0 && Int(timer.slot) < slotCount && slots[Int(timer.slot)].sequence == timer.sequence
    }

    /// Removes all timers.
    func removeAll() {
        let ended = slots
        slots = Self.noSlots()
        (heapCount, slotCount, firstFree, stale, count, top) = (0, 0, Self.noSlot, 0, 0, .never)
        withExtendedLifetime(ended) {}  // released last: the deinit of an action may use the queue
    }

    private func takeFreeSlot() -> Int {
        if firstFree != Self.noSlot {
            let slot = Int(firstFree)
            firstFree = slots[slot].period
            return slot
        }
        slots.grow(toInclude: slotCount)
        slotCount += 1
        return slotCount - 1
    }

    private func free(_ slot: Int) -> TimerAction {
        let action = slots[slot].action
        slots[slot] = Slot(action: .nothing, period: firstFree, sequence: 0)
        firstFree = Int64(slot)
        return action
    }

    // MARK: Firing

    /// Returns the earliest deadline; `nil` when no timer is pending, or none that will ever be due.
    @inline(__always)
    func soonest() -> MonotonicTime? {
        if stale > 0 { dropStaleTop() }
        return top < .never ? top : nil
    }

    /// Whether a timer may be due at `now`.
    @inline(__always)
    func mayBeDue(at now: MonotonicTime) -> Bool { top <= now }

    /// A mark that separates the timers set so far from later ones.
    var mark: UInt64 { lastSequence }

    /// Removes the next timer that is due at `now` and was set before `mark`, and returns its action. A periodic timer
    /// is set again, at the first multiple of its period that is still to come: it neither drifts nor fires in a burst.
    func takeDue(at now: MonotonicTime, before mark: UInt64) -> TimerAction? {
        dropStaleTop()
        guard count > 0, heap[0].deadline <= now, heap[0].sequence <= mark else { return nil }
        let node = heap[0]
        removeTop()
        let slot = Int(node.slot)
        let period = slots[slot].period
        if period == 0 {
            count -= 1
            return free(slot)
        }
        let late = now.nanoseconds - node.deadline.nanoseconds
        // The sequence number stays the same, so that the caller's handle remains valid.
        let (next, overflow) = (late / period + 1).multipliedReportingOverflow(by: period)
        push(Node(deadline: node.deadline + (overflow ? .max : next), sequence: node.sequence, slot: node.slot))
        return slots[slot].action
    }

    // MARK: Stale nodes

    private func isStale(_ node: Node) -> Bool { slots[Int(node.slot)].sequence != node.sequence }

    private func dropStaleTop() {
        while stale > 0 && isStale(heap[0]) {
            removeTop()
            stale -= 1
        }
    }

    private func sweep() {
        var kept = 0
        for index in 0..<heapCount where !isStale(heap[index]) {
            heap[kept] = heap[index]
            kept += 1
        }
        heapCount = kept
        stale = 0
        // Restore the heap: sift down from the last parent to the first.
        for index in stride(from: (kept + 2) / 4 - 1, through: 0, by: -1) { siftDown(heap[index], from: index) }
        noteTop()
    }

    // MARK: The heap: the children of i are 4i+1 ... 4i+4

    private func noteTop() { top = heapCount > 0 ? heap[0].deadline : .never }

    private func push(_ node: Node) {
        heap.grow(toInclude: heapCount)
        var index = heapCount
        heapCount += 1
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
        heapCount -= 1
        if heapCount > 0 { siftDown(heap[heapCount], from: 0) }
        noteTop()
    }

    private func siftDown(_ node: Node, from start: Int) {
        var index = start
        while true {
            let first = index * 4 + 1
            if first >= heapCount { break }
            var least = first
            var child = first + 1
            while child < min(first + 4, heapCount) {
                if heap[child] < heap[least] { least = child }
                child += 1
            }
            if !(heap[least] < node) { break }
            heap[index] = heap[least]
            index = least
        }
        heap[index] = node
    }
}
