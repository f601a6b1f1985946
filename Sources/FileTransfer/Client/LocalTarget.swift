// The local destination of a download: a file next to the requested one, named with the suffix `.part`, which is
// renamed when it is complete. It is locked, so that two downloads never write to the same file.

import CReactor
internal import Reactor
package import ServedFiles
package import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

// Safe to share: only one piece of work uses it at a time, and it is destroyed after the last one.
/// A local file as the destination of a download.
package final class LocalTarget: DownloadTarget, @unchecked Sendable {
    private let path: FilePath
    private let partPath: FilePath
    private let descriptor: FileDescriptor
    private var isCommitted = false

    /// Opens the partial file; what an earlier attempt left in it is kept.
    ///
    /// - Throws: ``FileAccessError``; ``FileAccessError/Kind/exists`` if another download is writing to it.
    package init(_ path: FilePath) throws(FileAccessError) {
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
        // An attempt that received nothing leaves no file behind.
        if !isCommitted, let status = try? Stat(descriptor), status.size == 0 { discard() }
        try? descriptor.close()
    }

    /// Returns the partial file that an earlier attempt left; empty if there was no such attempt.
    package func partial() throws(FileAccessError) -> any StoredFile {
        let result = SystemResult(rawValue: creactor_duplicate(descriptor.rawValue))
        if let errno = result.errno { throw FileAccessError(errno) }
        return try OpenFile(OwnedDescriptor(result.descriptor))
    }

    /// Discards the contents of the partial file.
    package func reset() throws(FileAccessError) {
        do { try descriptor.resize(to: 0) } catch { throw FileAccessError(error as? Errno ?? .ioError) }
    }

    /// Writes at an offset (pwrite(2)).
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileAccessError) {
        // Safe: the caller's bytes are valid for the call.
        try unsafe descriptor.writeAll(bytes, at: offset)
    }

    /// Renames the complete file to its final name.
    package func commit(replacing: Bool) throws(FileAccessError) {
        let here: CInt = -100  // AT_FDCWD
        // Safe: both paths live for the call.
        let result = unsafe partPath.withPlatformString { part in
            unsafe path.withPlatformString { path in
                unsafe SystemResult(
                    rawValue: replacing ? creactor_replace_in(here, part, path) : creactor_rename_in(here, part, path))
            }
        }
        if let errno = result.errno { throw FileAccessError(errno) }
        isCommitted = true
    }

    /// Removes the partial file.
    package func discard() { unsafe partPath.withPlatformString { _ = unsafe creactor_remove_in(-100, $0) } }
}
