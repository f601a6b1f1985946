// The events that a selector passes to the loop after a wait.

/// The events of one wait. Its memory is reused at every wait.
///
/// It has room for 256 events at first, and doubles up to 1,024 when a wait fills it. A selector that finds more at
/// once may append beyond that.
package final class ReadyList {
    private static let largestWait = 1024
    private let events = GrowingTable(count: 256, filledWith: ReadyEvent(events: 0, data: 0))
    private var number = 0

    /// Creates an empty list.
    package init() {}

    /// The number of events.
    package var count: Int { number }

    /// The event at an index below ``count``.
    @inline(__always)
    package subscript(index: Int) -> ReadyEvent { events[index] }

    /// Appends an event.
    package func append(_ event: ReadyEvent) {
        events.grow(toInclude: number)
        events[number] = event
        number += 1
    }

    /// Lends the memory to a call that writes events from the first on and returns their number.
    @inline(__always)
    package func fill(_ body: (inout MutableSpan<ReadyEvent>) -> SystemResult) -> SystemResult {
        let result = events.withElements(body)
        number = max(0, result.rawValue)
        if number == events.count && number < Self.largestWait { events.grow(toInclude: number * 2 - 1) }
        return result
    }

    /// Calls `body` with each event, in order. `body` must not change the list.
    @inline(__always)
    func forEach(_ body: (ReadyEvent) -> Void) {
        events.withElements { span in
            for index in 0..<number { body(span[index]) }
        }
    }

    /// Removes all events.
    package func removeAll() { number = 0 }
}
