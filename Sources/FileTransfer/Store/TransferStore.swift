// The store in which a server finds and creates files. All methods may block; they are called on threads of the pool.

package import Reactor
package import ServedFiles

/// A store of files that can be listed, read and created.
package protocol TransferStore: AnyObject, Sendable {
    /// Opens a regular file.
    func open(_ name: String) throws(FileAccessError) -> any StoredFile
    /// Creates a file, which becomes visible under its name when it is committed.
    func create(_ name: String) throws(FileAccessError) -> any FileSink
    /// Returns the entry at a path, without following a symbolic link; `nil` if the name does not exist.
    func entry(_ name: String) throws(FileAccessError) -> DirectoryEntry?
    /// Returns at most `limit` entries of a directory, sorted by name, and whether there were more.
    func entries(of name: String, limit: Int) throws(FileAccessError) -> ([DirectoryEntry], hasMore: Bool)
}

/// A file open for reading; its descriptor is closed with the object.
package protocol StoredFile: AnyObject, Sendable {
    /// The size when the file was opened, in bytes.
    var size: Int { get }
    /// The time of the last modification, in seconds since 1970.
    var modified: Int { get }
    /// The version of the contents; `nil` if a change might go unnoticed.
    var version: FileVersion? { get }
    /// Reads at an offset, up to the size of the buffer.
    ///
    /// - Returns: The number of bytes read; 0 at the end.
    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(FileAccessError) -> Int
    /// Returns another descriptor of the same file, for sending it.
    func duplicate() throws(FileAccessError) -> OwnedDescriptor
}

/// A file being written, used by one thread at a time.
package protocol FileSink: AnyObject, Sendable {
    /// Writes all of the bytes at an offset.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileAccessError)
    /// Gives the complete file its name; the last call.
    func commit(replacing: Bool) throws(FileAccessError)
    /// Discards the file; the last call, and without effect after a commit.
    func discard()
}
