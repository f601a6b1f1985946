// Where a selector puts what a wait found, and where the loop takes it from.

/// The events of one wait. Its memory is used again at every wait.
///
/// Room for 256 events at first, doubled up to 1,024 when a wait fills it; a selector that finds more at once may append
/// beyond that.
package final class ReadyList {
    private static let largestWait = 1024
    private let events = GrowingTable(count: 256, filledWith: ReadyEvent(events: 0, data: 0))
    private var number = 0

    /// An empty list.
    package init() {}

    /// How many events there are.
    package var count: Int { number }

    /// The event at an index below ``count``.
    @inline(__always)
    package subscript(index: Int) -> ReadyEvent { events[index] }

    /// Adds an event.
    package func append(_ event: ReadyEvent) {
        events.grow(toInclude: number)
        events[number] = event
        number += 1
    }

    /// Lets the kernel write events itself; `body` answers how many it wrote, from the first.
    @inline(__always)
    package func fill(_ body: (inout MutableSpan<ReadyEvent>) -> SystemResult) -> SystemResult {
        let result = events.withElements(body)
        number = max(0, result.rawValue)
        if number == events.count && number < Self.largestWait { events.grow(toInclude: number * 2 - 1) }
        return result
    }

    /// Calls `body` with each event, in order; the list must not change meanwhile.
    @inline(__always)
    func forEach(_ body: (ReadyEvent) -> Void) {
        events.withElements { span in
            for index in 0..<number { body(span[index]) }
        }
    }

    /// Forgets all events.
    package func removeAll() { number = 0 }
}
