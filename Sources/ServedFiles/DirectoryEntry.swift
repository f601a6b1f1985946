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
        let directory = try open(path, flags: O_RDONLY | O_DIRECTORY)
        guard let stream = unsafe fdopendir(directory.rawValue) else {
            try? directory.close()
            throw FileAccessError(.failed)
        }
        // The stream owns the descriptor from here on.
        defer { unsafe closedir(stream) }
        var entries: [DirectoryEntry] = []
        // Safe: an entry is valid until the next is read, and its name ends with a zero byte.
        while let next = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &next.pointee.d_name) { pointer in
                let bytes = unsafe UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
                let count = unsafe strlen(UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self))
                return unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
            }
            if name == [0x2e] || name == [0x2e, 0x2e] || NewFile.isTemporary(name) { continue }
            if entries.count == limit { return (entries.sorted(), true) }
            if let entry = DirectoryEntry(name, in: directory) { entries.append(entry) }
        }
        return (entries.sorted(), false)
    }
}

extension [DirectoryEntry] {
    fileprivate func sorted() -> [DirectoryEntry] { sorted { $0.name.lexicographicallyPrecedes($1.name) } }
}
