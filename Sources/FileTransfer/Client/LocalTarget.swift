// Where a download goes on the user's own disk: a file beside the one that is wanted, with `.part` behind its name, which
// gets the name when it is complete. Locked, so that two downloads do not write one file.

import CReactor
import Reactor
public import ServedFiles
public import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

// Safe to share: one piece of work at a time has it, and whoever drops it last.
/// A file of the user's own that is downloaded.
public final class LocalTarget: DownloadTarget, @unchecked Sendable {
    private let path: FilePath
    private let partPath: FilePath
    private let descriptor: FileDescriptor
    private var isCommitted = false

    /// Opens the file beside; what an earlier attempt has left is kept.
    ///
    /// - Throws: ``FileAccessError``; ``FileAccessError/Kind/exists`` when another download writes it.
    public init(_ path: FilePath) throws(FileAccessError) {
        self.path = path
        partPath = FilePath(path.string + ".part")
        do {
            descriptor = try FileDescriptor.open(
                partPath, .readWrite, options: [.create, .closeOnExec, .noFollow],
                permissions: [.ownerReadWrite, .groupReadWrite, .otherReadWrite])
        } catch {
            throw FileAccessError(error as? Errno ?? .ioError)
        }
        if flock(descriptor.rawValue, LOCK_EX | LOCK_NB) != 0 {
            try? descriptor.close()
            throw FileAccessError(.exists)
        }
    }

    deinit {
        // An attempt to which nothing came leaves nothing.
        if !isCommitted, let status = try? Stat(descriptor), status.size == 0 { discard() }
        try? descriptor.close()
    }

    /// What is there of an earlier attempt.
    public func partial() throws(FileAccessError) -> any StoredFile {
        let result = SystemResult(rawValue: creactor_duplicate(descriptor.rawValue))
        if let errno = result.errno { throw FileAccessError(errno) }
        return try OpenFile(OwnedDescriptor(result.descriptor))
    }

    /// Throws away what is there.
    public func reset() throws(FileAccessError) {
        do { try descriptor.resize(to: 0) } catch { throw FileAccessError(error as? Errno ?? .ioError) }
    }

    /// Writes at an offset (pwrite(2)).
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileAccessError) {
        try unsafe descriptor.writeAll(bytes, at: offset)
    }

    /// Gives the file its name.
    public func commit(replacing: Bool) throws(FileAccessError) {
        let here: CInt = -100  // AT_FDCWD
        let result = unsafe partPath.withPlatformString { part in
            unsafe path.withPlatformString { path in
                // Safe: both live for the call.
                unsafe SystemResult(
                    rawValue: replacing ? creactor_replace_in(here, part, path) : creactor_rename_in(here, part, path))
            }
        }
        if let errno = result.errno { throw FileAccessError(errno) }
        isCommitted = true
    }

    /// Removes the file beside.
    public func discard() { unsafe partPath.withPlatformString { _ = unsafe creactor_remove_in(-100, $0) } }
}
