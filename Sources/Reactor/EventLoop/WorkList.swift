// A list of work for a turn. Elements added while it is being drained wait for the next drain (invariant 8), and the
// memory of its two halves is reused, so that a turn allocates nothing.

/// A queue of elements to be processed once, in the order in which they were added.
///
/// A class, so that draining it does not access a property of the loop, which would need an exclusivity check.
final class WorkList<Element> {
    /// The batch being drained, from `next` on; and the elements added since.
    private var batch: [Element] = []
    private var next = 0
    private var added: [Element] = []
    private var spare: [Element] = []
    /// Stored, because it is read in every turn, and reading the arrays would be a checked access.
    private(set) var count = 0

    @inline(__always) var isEmpty: Bool { count == 0 }

    func append(_ element: Element) {
        added.append(element)
        count += 1
    }

    func removeAll() {
        let ended = (batch, added)
        (batch, added, next, count) = ([], [], 0, 0)
        withExtendedLifetime(ended) {}  // released last: the deinit of an element may use the list
    }

    /// Calls `body` with each element without removing it.
    func forEach(_ body: (Element) -> Void) {
        for element in batch[next...] { body(element) }
        for element in added { body(element) }
    }

    /// Removes the elements that are in the list now, at most `budget` of them, and calls `body` with each; the rest
    /// stays in front.
    func drain(budget: Int = .max, _ body: (Element) -> Void) {
        var left = min(budget, count)
        while left > 0 {
            if next == batch.count { takeAdded() }
            let element = batch[next]
            next += 1
            count -= 1
            left -= 1
            body(element)
        }
        if next == batch.count { takeAdded() }
    }

    /// Moves on to the added elements, and keeps the memory of the finished batch.
    private func takeAdded() {
        var done = batch
        batch = added
        added = spare
        spare = []
        next = 0
        done.removeAll(keepingCapacity: true)
        spare = done
    }
}
