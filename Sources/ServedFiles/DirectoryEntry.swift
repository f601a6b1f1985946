// What is in a served directory: names, kinds, sizes. Links are listed as what they are and not as what they lead to, and
// files that are not there yet are not listed at all.

import CReactor
import Reactor
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// One name in a directory.
public struct DirectoryEntry: Sendable, Hashable {
    /// What a name stands for.
    public enum Kind: String, Sendable, Hashable {
        case file, directory, other
    }

    /// The name, as the file system has it; it need not be UTF-8.
    public let name: [UInt8]
    /// The name as text: bytes that are not UTF-8 and control characters as `\xHH`.
    public var escapedName: String { FileName.text(name) }
    /// What it stands for; a link is `other`.
    public let kind: Kind
    /// The size in bytes of a file.
    public let size: Int
    /// When it was last changed, in seconds since 1970.
    public let modified: Int

    /// An entry, for stores that are no directory.
    public init(name: [UInt8], kind: Kind, size: Int, modified: Int) {
        (self.name, self.kind, self.size, self.modified) = (name, kind, size, modified)
    }

    /// Looks at a name in a directory; `nil` when it is not there.
    init?(_ name: [UInt8], in directory: FileDescriptor) {
        var status = creactor_file_status()
        // Safe: the status is written before the call returns.
        let result = unsafe (name + [0]).withName { unsafe creactor_status_in(directory.rawValue, $0, &status) }
        guard result.succeeded else { return nil }
        self.name = name
        kind = status.isRegular ? .file : status.isDirectory ? .directory : .other
        size = Int(status.size)
        modified = Int(status.seconds)
    }
}

extension ServedDirectory {
    /// What is in a directory below the root, sorted by name. Reads the disk: not for a loop's thread.
    ///
    /// - Parameters:
    ///   - path: the directory; empty for the root.
    ///   - limit: how many names at most.
    /// - Returns: The entries, and whether there were more.
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
