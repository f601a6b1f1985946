// A directory served to untrusted peers: its files can be opened, and nothing outside of it can be reached, whatever a
// name contains and wherever symbolic links point (openat2(2), RESOLVE_BENEATH). The root is opened once, so renaming
// or replacing the directory afterwards does not redirect it. Owns the root's descriptor.

import CReactor
public import Reactor
public import SystemPackage

/// A regular file open for reading; the owner must close it or take its descriptor.
@frozen public struct ServedFile: ~Copyable {
    /// The file's descriptor.
    public var descriptor: OwnedDescriptor
    /// The file's version when it was opened.
    public let version: FileVersion
    /// The file's size when it was opened, in bytes.
    public var size: Int { version.size }

    /// Creates a served file from an open descriptor and its version.
    public init(_ descriptor: consuming OwnedDescriptor, _ version: FileVersion) {
        self.descriptor = descriptor
        self.version = version
    }

    /// Gives up the descriptor, for example to ``Connection/sendFile(_:from:count:completed:)``.
    public consuming func takeDescriptor() -> OwnedDescriptor { descriptor }

    /// Closes the file.
    public consuming func close() { descriptor.close() }
}

/// A source of files: a directory, or a substitute in tests.
public protocol FileStore: AnyObject {
    /// Opens a regular file for reading.
    ///
    /// - Parameter path: relative to the store, components separated by `/`; bytes, as Linux has no encoding of names.
    /// - Throws: ``FileAccessError``; ``FileAccessError/Kind/noFile`` for a directory.
    func open(_ path: [UInt8]) throws(FileAccessError) -> ServedFile
}

/// A directory whose regular files any client may read.
public final class ServedDirectory: FileStore, Sendable {
    /// The maximum length of a path on Linux, with its zero byte (limits.h, `PATH_MAX`).
    private static let longestPath = 4096

    /// `O_PATH`: opens the directory as a location only, which needs no read permission.
    private static let placeOnly = FileDescriptor.AccessMode(rawValue: 0o10000000)

    static let slash = UInt8(ascii: "/")
    /// The open(2) flags for a directory used as a location.
    static let placeFlags = O_DIRECTORY | CInt(0o10000000)

    /// The directory's descriptor, usable only as the starting point of paths.
    public let root: FileDescriptor

    /// Opens a directory; symbolic links on the way to it are followed.
    ///
    /// - Throws: ``FileAccessError``.
    public init(_ path: FilePath) throws(FileAccessError) {
        do {
            root = try FileDescriptor.open(path, Self.placeOnly, options: [.directory, .closeOnExec])
        } catch {
            throw FileAccessError(error as? Errno ?? .ioError)
        }
    }

    deinit { try? root.close() }

    /// Opens a regular file for reading. Never blocks on a pipe, and opens no device.
    public func open(_ path: [UInt8]) throws(FileAccessError) -> ServedFile {
        let file = OwnedDescriptor(try open(path, flags: O_RDONLY))
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
        return ServedFile(file, FileVersion(status))
    }

    /// Opens whatever is at a path below the directory.
    ///
    /// - Parameters:
    ///   - path: as in ``open(_:)``; leading slashes are ignored.
    ///   - flags: the flags of open(2).
    ///   - permissions: the permissions of a created file.
    /// - Returns: The descriptor, which the caller closes.
    package func open(_ path: [UInt8], flags: CInt, permissions: FilePermissions = []) throws(FileAccessError)
        -> FileDescriptor
    {
        let relative = path.drop { $0 == Self.slash }
        guard !relative.contains(0), relative.count < Self.longestPath else { throw FileAccessError(.invalidName) }
        guard !NewFile.hasTemporaryPart(relative) else { throw FileAccessError(.reservedName) }
        // An empty path is the directory itself.
        let name = (relative.isEmpty ? [UInt8(ascii: ".")] : Array(relative)) + [0]
        while true {
            // Safe: the bytes end with a zero and live for the call.
            let result = unsafe name.withUnsafeBytes { bytes in
                unsafe SystemResult(
                    rawValue: creactor_open_beneath(
                        root.rawValue, bytes.assumingMemoryBound(to: CChar.self).baseAddress!, flags,
                        UInt32(permissions.rawValue)))
            }
            guard let errno = result.errno else { return result.descriptor }
            // EAGAIN: a concurrent rename keeps the kernel from deciding whether the path leads out.
            if errno != .interrupted && errno != .resourceTemporarilyUnavailable { throw FileAccessError(errno) }
        }
    }
}
