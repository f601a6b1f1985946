// Directory listings: names, kinds and sizes. Symbolic links are listed as such, without being followed; incomplete
// files are omitted.

import CReactor
import Reactor
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// An entry of a directory.
public struct DirectoryEntry: Sendable, Hashable {
    /// The kind of an entry.
    public enum Kind: String, Sendable, Hashable {
        case file, directory, other
    }

    /// The name as the file system stores it; not necessarily valid UTF-8.
    public let name: [UInt8]
    /// The name as text; invalid UTF-8 and control characters are escaped as `\xHH`.
    public var escapedName: String { FileName.text(name) }
    /// The kind of file; a symbolic link is `other`.
    public let kind: Kind
    /// The size of a file, in bytes.
    public let size: Int
    /// The time of the last modification, in seconds since 1970.
    public let modified: Int

    /// Creates an entry, for stores other than directories.
    public init(name: [UInt8], kind: Kind, size: Int, modified: Int) {
        (self.name, self.kind, self.size, self.modified) = (name, kind, size, modified)
    }

    /// Looks a name up in a directory; `nil` if the name does not exist.
    init?(_ name: [UInt8], in directory: FileDescriptor) {
        var status = creactor_file_status()
        // Safe: the name ends with a zero byte and lives for the call, which fills the status before it returns.
        let result = unsafe (name + [0]).withName { unsafe creactor_status_in(directory.rawValue, $0, &status) }
        guard result.succeeded else { return nil }
        self.name = name
        kind = status.isRegular ? .file : status.isDirectory ? .directory : .other
        size = Int(status.size)
        modified = Int(status.seconds)
    }
}

extension ServedDirectory {
    /// Returns the entries of a directory below the root, sorted by name. Blocks on the disk: do not call it on a
    /// loop's thread.
    ///
    /// - Parameters:
    ///   - path: the directory; empty for the root.
    ///   - limit: the maximum number of entries.
    /// - Returns: The entries, and whether there were more.
    /// - Throws: ``FileAccessError`` if the directory cannot be opened.
    public func entries(of path: [UInt8], limit: Int) throws(FileAccessError) -> ([DirectoryEntry], hasMore: Bool) {
        var reader = try DirectoryReader(try open(path, flags: O_RDONLY | O_DIRECTORY))
        var entries: [DirectoryEntry] = []
        while let (name, _) = reader.next() {
            if NewFile.isTemporary(name) { continue }
            if entries.count == limit { return (entries.sorted(), true) }
            if let entry = DirectoryEntry(name, in: reader.directory) { entries.append(entry) }
        }
        return (entries.sorted(), false)
    }
}

extension [DirectoryEntry] {
    fileprivate func sorted() -> [DirectoryEntry] { sorted { $0.name.lexicographicallyPrecedes($1.name) } }
}
