// Creating, removing and looking up files of a served directory. openat2(2) resolves a path once, up to the directory
// of its last component; what follows acts on a single name in that directory, which no symbolic link can redirect.

import CReactor
import Reactor
import SystemPackage

/// A store in which files can also be created.
public protocol WritableFileStore: FileStore {
    /// Creates a file, which has a temporary name until it is committed.
    ///
    /// - Parameter path: as in ``FileStore/open(_:)``; its directory must exist.
    /// - Throws: ``FileAccessError``. A name in use is reported only by ``NewFile/commit(replacing:isDurable:)``.
    func create(_ path: [UInt8]) throws(FileAccessError) -> NewFile
}

extension ServedDirectory: WritableFileStore {
    /// Creates a file, with the permissions 0666 less the umask.
    public func create(_ path: [UInt8]) throws(FileAccessError) -> NewFile {
        let (parent, name) = try place(of: path)
        return try NewFile(name, in: OwnedDescriptor(parent))
    }

    /// Removes a regular file or a symbolic link, which is not followed.
    public func remove(_ path: [UInt8]) throws(FileAccessError) {
        let (parent, name) = try place(of: path)
        // Safe: the name ends with a zero byte and lives for the call.
        let result = unsafe (name + [0]).withName { unsafe creactor_remove_in(parent.rawValue, $0) }
        try? parent.close()
        if let errno = result.errno { throw FileAccessError(errno) }
    }

    /// Returns the entry at a path, without following a symbolic link; `nil` if the name does not exist.
    public func entry(at path: [UInt8]) throws(FileAccessError) -> DirectoryEntry? {
        let (parent, name) = try place(of: path)
        defer { try? parent.close() }
        return DirectoryEntry(name, in: parent)
    }

    /// Resolves a path to the directory of its last component, as a descriptor that the caller closes, and that
    /// component, which is a valid name.
    private func place(of path: [UInt8]) throws(FileAccessError) -> (FileDescriptor, [UInt8]) {
        let parts = path.drop { $0 == Self.slash }
        let end = parts.lastIndex(of: Self.slash)
        let name = Array(end.map { parts[($0 + 1)...] } ?? parts)
        guard NewFile.isName(name) else { throw FileAccessError(.invalidName) }
        guard !NewFile.isTemporary(name) else { throw FileAccessError(.reservedName) }
        return (try open(Array(end.map { parts[..<$0] } ?? []), flags: Self.placeFlags), name)
    }
}
