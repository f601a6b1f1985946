// A limit of the files that connections may have open at once. A connection that sends or receives a file needs
// descriptors besides its socket; files are counted separately, so that they never use up the descriptors that
// connections need.

import Synchronization

/// A limit of the files open at once, shared by all loops of a server.
public final class FileBudget: Sendable {
    /// The maximum number of files open at once.
    public let limit: Int
    private let used = Atomic<Int>(0)

    /// Creates a budget of that many files.
    public init(_ limit: Int) { self.limit = limit }

    /// The number of files open now.
    public var openFiles: Int { used.load(ordering: .relaxed) }

    /// Reserves a place for a file about to be opened; `nil` if all are taken.
    public func take() -> FilePlace? {
        guard used.wrappingAdd(1, ordering: .relaxed).oldValue < limit else {
            giveBack()
            return nil
        }
        return FilePlace(self)
    }

    fileprivate func giveBack() { used.wrappingSubtract(1, ordering: .relaxed) }
}

/// A reserved place for an open file, returned with its last reference: keep one as long as the descriptor is open.
public final class FilePlace: Sendable {
    private let budget: FileBudget

    fileprivate init(_ budget: FileBudget) { self.budget = budget }

    deinit { budget.giveBack() }
}
