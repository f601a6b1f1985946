// Making, removing and listing what is in a served directory. A path is walked once, by openat2(2), to the directory that
// its last part is in; what happens there is done to a single name in that directory, which no link can redirect.

import CReactor
import Reactor
import SystemPackage

/// A store in which files can be made as well.
public protocol WritableFileStore: FileStore {
    /// Makes a file that has a temporary name until it is committed.
    ///
    /// - Parameter path: as in ``FileStore/open(_:)``; the directory that it is in has to be there.
    /// - Throws: ``FileAccessError``. That there is one of this name already is told by ``NewFile/commit(replacing:isDurable:)``.
    func create(_ path: [UInt8]) throws(FileAccessError) -> NewFile
}

extension ServedDirectory: WritableFileStore {
    /// Makes a file. Its permissions are those of the umask.
    public func create(_ path: [UInt8]) throws(FileAccessError) -> NewFile {
        let (parent, name) = try place(of: path)
        return try NewFile(name, in: OwnedDescriptor(parent))
    }

    /// Removes a regular file, or a link, which is not followed.
    public func remove(_ path: [UInt8]) throws(FileAccessError) {
        let (parent, name) = try place(of: path)
        let result = unsafe (name + [0]).withName { unsafe creactor_remove_in(parent.rawValue, $0) }
        try? parent.close()
        if let errno = result.errno { throw FileAccessError(errno) }
    }

    /// What has this path, a link not followed; `nil` when nothing has.
    public func entry(at path: [UInt8]) throws(FileAccessError) -> DirectoryEntry? {
        let (parent, name) = try place(of: path)
        defer { try? parent.close() }
        return DirectoryEntry(name, in: parent)
    }

    /// The directory that the last part of a path is in, as a descriptor that is the caller's to close, and that part,
    /// which is a name.
    private func place(of path: [UInt8]) throws(FileAccessError) -> (FileDescriptor, [UInt8]) {
        let parts = path.drop { $0 == Self.slash }
        let end = parts.lastIndex(of: Self.slash)
        let name = Array(end.map { parts[($0 + 1)...] } ?? parts)
        guard NewFile.isName(name) else { throw FileAccessError(.invalidName) }
        guard !NewFile.isTemporary(name) else { throw FileAccessError(.reservedName) }
        return (try open(Array(end.map { parts[..<$0] } ?? []), flags: Self.placeFlags), name)
    }
}
