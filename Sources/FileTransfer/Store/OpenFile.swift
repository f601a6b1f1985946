// Files of the real file system, read and written at offsets (pread(2), pwrite(2)), by threads that may block.

import CReactor
public import Reactor
public import ServedFiles
public import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A regular file that is open for reading.
public final class OpenFile: StoredFile {
    private let descriptor: FileDescriptor
    /// Bytes, when it was opened.
    public let size: Int
    /// When it was last changed, in seconds since 1970.
    public let modified: Int
    /// What changes when the contents do; `nil` for a file that was changed a moment ago.
    public let version: FileVersion?

    /// Takes an open file, which is closed with this object.
    public init(_ file: consuming OwnedDescriptor) throws(FileAccessError) {
        let status: Stat
        do {
            status = try Stat(file.name)
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
        // What was changed a moment ago may be changed once more without its time saying so (a tick of the kernel's clock).
        let found = FileVersion(status)
        version = found.isSettled(at: time(nil)) ? found : nil
    }

    /// Opens a file of the user's own, links followed.
    public convenience init(path: FilePath) throws(FileAccessError) {
        let file: FileDescriptor
        do {
            // A pipe would be waited for.
            file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch {
            throw FileAccessError(error as? Errno ?? .ioError)
        }
        try self.init(OwnedDescriptor(file))
    }

    deinit { try? descriptor.close() }

    /// Reads at an offset (pread(2)).
    public func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(FileAccessError) -> Int {
        do {
            return try unsafe descriptor.read(fromAbsoluteOffset: Int64(offset), into: target)
        } catch {
            throw FileAccessError(error as? Errno ?? .ioError)
        }
    }

    /// Another descriptor of the same file, close-on-exec.
    public func duplicate() throws(FileAccessError) -> OwnedDescriptor {
        let result = SystemResult(rawValue: creactor_duplicate(descriptor.rawValue))
        if let errno = result.errno { throw FileAccessError(errno) }
        return OwnedDescriptor(result.descriptor)
    }
}

extension FileDescriptor {
    /// Writes all of the bytes at an offset.
    func writeAll(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileAccessError) {
        do {
            // swift-system goes on after a short write, and a disk that is full says so in the next one.
            _ = try unsafe writeAll(toAbsoluteOffset: Int64(offset), bytes)
        } catch {
            throw FileAccessError(error as? Errno ?? .ioError)
        }
    }
}
