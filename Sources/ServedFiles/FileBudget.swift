// How many files may be open at once for connections. A connection that sends or takes a file needs descriptors besides its
// socket; those of files are counted apart, so that they never take the last one from a connection.

import Synchronization

/// Places for files that are open at once, of all loops of a server.
public final class FileBudget: Sendable {
    /// Files that are open at once at most.
    public let limit: Int
    private let used = Atomic<Int>(0)

    /// A budget of so many files.
    public init(_ limit: Int) { self.limit = limit }

    /// Files that are open now.
    public var openFiles: Int { used.load(ordering: .relaxed) }

    /// Takes a place for a file that is about to be opened; `nil` when all are taken.
    public func take() -> FilePlace? {
        guard used.wrappingAdd(1, ordering: .relaxed).oldValue < limit else {
            giveBack()
            return nil
        }
        return FilePlace(self)
    }

    fileprivate func giveBack() { used.wrappingSubtract(1, ordering: .relaxed) }
}

/// A place for an open file. Given back with the last reference to it: keep it as long as the descriptor is open.
public final class FilePlace: Sendable {
    private let budget: FileBudget

    fileprivate init(_ budget: FileBudget) { self.budget = budget }

    deinit { budget.giveBack() }
}
