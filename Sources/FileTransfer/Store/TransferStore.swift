// Where a server finds its files and puts new ones. All calls may block, and come from threads of the loop's pool.

public import Reactor
public import ServedFiles

/// Files that can be listed, read and made.
public protocol TransferStore: AnyObject, Sendable {
    /// Opens a regular file.
    func open(_ name: String) throws(FileAccessError) -> any StoredFile
    /// Begins a new file, which is not there before it is committed.
    func create(_ name: String) throws(FileAccessError) -> any FileSink
    /// What has a name, links not followed; `nil` when nothing has.
    func entry(_ name: String) throws(FileAccessError) -> DirectoryEntry?
    /// What is in a directory, sorted by name, and whether there was more than `limit`.
    func entries(of name: String, limit: Int) throws(FileAccessError) -> ([DirectoryEntry], hasMore: Bool)
}

/// A file that is read; its descriptor is closed with the object.
public protocol StoredFile: AnyObject, Sendable {
    /// Bytes, when it was opened.
    var size: Int { get }
    /// When it was last changed, in seconds since 1970.
    var modified: Int { get }
    /// What changes when the contents do; `nil` when nothing is known that would.
    var version: FileVersion? { get }
    /// Reads as much as there is room for, or as there is.
    ///
    /// - Returns: How many bytes were read; 0 at the end.
    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(FileAccessError) -> Int
    /// Another descriptor of the same file, for whoever sends it.
    func duplicate() throws(FileAccessError) -> OwnedDescriptor
}

/// A file that is written; used by one thread at a time.
public protocol FileSink: AnyObject, Sendable {
    /// Writes all of the bytes.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileAccessError)
    /// The file is complete and gets its name, once and last.
    func commit(replacing: Bool) throws(FileAccessError)
    /// The file is not wanted; last, and nothing after a commit.
    func discard()
}
