// The store that is a directory: nothing outside of it can be reached (Demos/Directory).

import Reactor
public import ServedFiles
import SystemPackage

/// A directory whose files are transferred.
public final class DirectoryStore: TransferStore {
    private let directory: ServedDirectory

    /// The store in this directory.
    public init(_ directory: ServedDirectory) { self.directory = directory }

    /// Opens a regular file below the directory.
    public func open(_ name: String) throws(FileAccessError) -> any StoredFile {
        try OpenFile(try directory.open(Array(name.utf8)).takeDescriptor())
    }

    /// Begins a new file below the directory, under a temporary name.
    public func create(_ name: String) throws(FileAccessError) -> any FileSink {
        DirectorySink(try directory.create(Array(name.utf8)))
    }

    /// What has a name, links not followed.
    public func entry(_ name: String) throws(FileAccessError) -> DirectoryEntry? {
        try directory.entry(at: Array(name.utf8))
    }

    /// What is in a directory.
    public func entries(of name: String, limit: Int) throws(FileAccessError) -> ([DirectoryEntry], hasMore: Bool) {
        try directory.entries(of: Array(name.utf8), limit: limit)
    }
}

/// A new file in a directory.
// Safe to share: one piece of work at a time has it, and whoever drops it last.
private final class DirectorySink: FileSink, @unchecked Sendable {
    private var file: NewFile?

    init(_ file: consuming NewFile) { self.file = consume file }

    deinit { file.take()?.discard() }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileAccessError) {
        guard let descriptor = file?.descriptor else { throw FileAccessError(.failed) }
        try unsafe descriptor.writeAll(bytes, at: offset)
    }

    func commit(replacing: Bool) throws(FileAccessError) {
        try file.take()?.commit(replacing: replacing, isDurable: true)
    }

    func discard() { file.take()?.discard() }
}
