// A list of work for a turn. What is added while it is being worked off stays for the next time (invariant 8), and the
// memory of the two halves is used again and again, so that a turn allocates nothing.

/// Things to be looked at once, in the order in which they were added.
///
/// A class, so that working it off is no access to a property of the loop that would have to be checked for exclusivity.
final class WorkList<Element> {
    /// What is being worked off, from `next` on; and what was added since.
    private var batch: [Element] = []
    private var next = 0
    private var added: [Element] = []
    private var spare: [Element] = []
    /// A number of its own, because it is looked at in every turn, and asking the arrays would be a checked access.
    private(set) var count = 0

    @inline(__always) var isEmpty: Bool { count == 0 }

    func append(_ element: Element) {
        added.append(element)
        count += 1
    }

    func removeAll() {
        let ended = (batch, added)
        (batch, added, next, count) = ([], [], 0, 0)
        withExtendedLifetime(ended) {}  // released last: what they hold may use the list as it goes
    }

    /// Calls `body` with all elements, and leaves them where they are.
    func forEach(_ body: (Element) -> Void) {
        for element in batch[next...] { body(element) }
        for element in added { body(element) }
    }

    /// Calls `body` with the elements that are in the list now, at most `budget`; the rest stays in front.
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

    /// Goes on to what was added, and keeps the memory of what is done.
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
