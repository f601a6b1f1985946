// The tasks that end with an event source, in a table beside the sources: a source without tasks has no memory for them.

/// The running tasks of a loop's sources. Confined to the loop's thread.
final class SourceTasks {
    private var tasks: [ObjectIdentifier: [UInt64: Task<Void, Never>]] = [:]
    private var lastNumber: UInt64 = 0
    /// Stored, because it is read for every connection that closes.
    private(set) var isEmpty = true

    /// Returns the number of a new task.
    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    /// Adds a task, until ``remove(_:of:)`` or ``cancel(of:)``. The source must not be released before.
    func add(_ task: Task<Void, Never>, _ number: UInt64, of source: EventSource) {
        tasks[ObjectIdentifier(source), default: [:]][number] = task
        isEmpty = false
    }

    /// Removes a task that has ended.
    func remove(_ number: UInt64, of source: EventSource) {
        let key = ObjectIdentifier(source)
        tasks[key]?[number] = nil
        if tasks[key]?.isEmpty == true { tasks[key] = nil }
        isEmpty = tasks.isEmpty
    }

    /// Cancels and removes all tasks of a source, which is closing.
    func cancel(of source: EventSource) {
        guard let ended = tasks.removeValue(forKey: ObjectIdentifier(source)) else { return }
        isEmpty = tasks.isEmpty
        for (_, task) in ended.sorted(by: { $0.key < $1.key }) { task.cancel() }
    }
}
