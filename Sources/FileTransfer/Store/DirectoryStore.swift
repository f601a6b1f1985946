// The store backed by a directory; nothing outside of it can be reached (ServedFiles/ServedDirectory.swift).

internal import Reactor
package import ServedFiles
internal import SystemPackage

/// A directory as a store of transferred files.
package final class DirectoryStore: TransferStore {
    private let directory: ServedDirectory

    /// Creates a store backed by this directory.
    package init(_ directory: ServedDirectory) { self.directory = directory }

    /// Opens a regular file below the directory.
    package func open(_ name: String) throws(FileAccessError) -> any StoredFile {
        try OpenFile(try directory.open(Array(name.utf8)).takeDescriptor())
    }

    /// Creates a file below the directory, under a temporary name.
    package func create(_ name: String) throws(FileAccessError) -> any FileSink {
        DirectorySink(try directory.create(Array(name.utf8)))
    }

    /// Returns the entry at a path, without following a symbolic link.
    package func entry(_ name: String) throws(FileAccessError) -> DirectoryEntry? {
        try directory.entry(at: Array(name.utf8))
    }

    /// Returns the entries of a directory.
    package func entries(of name: String, limit: Int) throws(FileAccessError) -> ([DirectoryEntry], hasMore: Bool) {
        try directory.entries(of: Array(name.utf8), limit: limit)
    }
}

/// A file being written into a directory.
// Safe to share: only one piece of work uses it at a time, and it is destroyed after the last one.
private final class DirectorySink: FileSink, @unchecked Sendable {
    private var file: NewFile?

    init(_ file: consuming NewFile) { self.file = consume file }

    deinit { file.take()?.discard() }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileAccessError) {
        guard let descriptor = file?.descriptor else { throw FileAccessError(.failed) }
        // Safe: the caller's bytes are valid for the call.
        try unsafe descriptor.writeAll(bytes, at: offset)
    }

    func commit(replacing: Bool) throws(FileAccessError) {
        try file.take()?.commit(replacing: replacing, isDurable: true)
    }

    func discard() { file.take()?.discard() }
}
