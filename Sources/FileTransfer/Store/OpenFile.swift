// Files of the real file system, read and written at offsets (pread(2), pwrite(2)) on threads that may block.

import CReactor
package import Reactor
package import ServedFiles
package import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A regular file open for reading.
package final class OpenFile: StoredFile {
    private let descriptor: FileDescriptor
    /// The size when the file was opened, in bytes.
    package let size: Int
    /// The time of the last modification, in seconds since 1970.
    package let modified: Int
    /// The version of the contents; `nil` for a file changed within the last seconds.
    package let version: FileVersion?

    /// Takes ownership of an open file, which is closed with this object.
    ///
    /// - Throws: ``FileAccessError``; ``FileAccessError/Kind/noFile`` unless it is a regular file.
    package init(_ file: consuming OwnedDescriptor) throws(FileAccessError) {
        let status: Stat
        do {
            status = try Stat(file.fd)
        } catch {
            file.close(LinuxKernel.shared)
            throw FileAccessError(error)
        }
        guard status.type == .regular else {
            file.close(LinuxKernel.shared)
            throw FileAccessError(.noFile)
        }
        descriptor = file.release()
        size = Int(status.size)
        modified = status.st_mtim.tv_sec
        // A file changed just now may change again within the granularity of its timestamps.
        let found = FileVersion(status)
        version = found.isSettled(at: time(nil)) ? found : nil
    }

    /// Opens a local file; symbolic links are followed.
    ///
    /// - Throws: ``FileAccessError``.
    package convenience init(path: FilePath) throws(FileAccessError) {
        let file: FileDescriptor
        do {
            // Non-blocking, because opening a pipe would wait for its other end.
            file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch {
            throw FileAccessError(error as? Errno ?? .ioError)
        }
        try self.init(OwnedDescriptor(file))
    }

    deinit { try? descriptor.close() }

    /// Reads at an offset (pread(2)); returns the number of bytes read, 0 at the end.
    package func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(FileAccessError) -> Int {
        do {
            // Safe: the caller's buffer is valid for the call.
            return try unsafe descriptor.read(fromAbsoluteOffset: Int64(offset), into: target)
        } catch {
            throw FileAccessError(error as? Errno ?? .ioError)
        }
    }

    /// Returns another descriptor of the same file, close-on-exec.
    package func duplicate() throws(FileAccessError) -> OwnedDescriptor {
        let result = SystemResult(rawValue: creactor_duplicate(descriptor.rawValue))
        if let errno = result.errno { throw FileAccessError(errno) }
        return OwnedDescriptor(result.descriptor)
    }
}

extension FileDescriptor {
    /// Writes all of the bytes at an offset.
    func writeAll(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileAccessError) {
        do {
            // swift-system continues after a short write, and the next one reports a full disk. Safe: the caller's
            // bytes are valid for the call.
            _ = try unsafe writeAll(toAbsoluteOffset: Int64(offset), bytes)
        } catch {
            throw FileAccessError(error as? Errno ?? .ioError)
        }
    }
}
