// A list of work for a turn. What is added while it is being worked off stays for the next time (invariant 8), and the
// memory of the two halves is used again and again, so that a turn allocates nothing.

/// Things to be looked at once, in the order in which they were added.
///
/// A class, so that working it off is no access to a property of the loop that would have to be checked for exclusivity.
final class WorkList<Element> {
    private var items: [Element] = []
    private var spare: [Element] = []
    /// A number of its own, because it is looked at in every turn, and asking the array would be a checked access.
    private(set) var count = 0

    @inline(__always) var isEmpty: Bool { count == 0 }

    func append(_ element: Element) {
        items.append(element)
        count += 1
    }

    func removeAll() {
        let ended = items
        items = []
        count = 0
        withExtendedLifetime(ended) {}  // released last: what they hold may use the list as it goes
    }

    /// Calls `body` with the elements that are in the list now, at most `budget`; the rest stays in front.
    func drain(budget: Int = .max, _ body: (Element) -> Void) {
        var batch = items
        items = spare
        spare = []
        if batch.count > budget {
            items.append(contentsOf: batch[budget...])
            batch.removeSubrange(budget...)
        }
        count = items.count
        for element in batch { body(element) }
        batch.removeAll(keepingCapacity: true)
        spare = batch
    }
}
