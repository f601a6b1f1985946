// A directory that is shown to strangers: its files can be opened, and nothing outside of it can be reached, whatever a
// name says and wherever symbolic links lead (openat2(2), RESOLVE_BENEATH). The root is opened once; a directory that is
// renamed or replaced afterwards stays the one that was meant. Owns the root's descriptor.

import CReactor
public import Reactor
public import SystemPackage

/// A regular file that was opened for reading; whoever has it closes its descriptor.
@frozen public struct ServedFile: ~Copyable {
    /// The file.
    public var descriptor: OwnedDescriptor
    /// Its version, when it was opened.
    public let version: FileVersion
    /// Its size in bytes, when it was opened.
    public var size: Int { version.size }

    /// A file that was opened.
    public init(_ descriptor: consuming OwnedDescriptor, _ version: FileVersion) {
        self.descriptor = descriptor
        self.version = version
    }

    /// Gives the descriptor away, to ``Connection/sendFile(_:from:count:completed:)`` for instance.
    public consuming func takeDescriptor() -> OwnedDescriptor { descriptor }

    /// Closes the file.
    public consuming func close() { descriptor.close() }
}

/// Where a server finds its files: a directory, or in tests what stands for one.
public protocol FileStore: AnyObject {
    /// Opens a regular file for reading.
    ///
    /// - Parameter path: below the store, with `/` between its parts; bytes, because that is what Linux takes.
    /// - Throws: ``FileAccessError``; ``FileAccessError/Kind/noFile`` for a directory.
    func open(_ path: [UInt8]) throws(FileAccessError) -> ServedFile
}

/// A directory whose regular files may be read by anybody.
public final class ServedDirectory: FileStore, Sendable {
    /// The longest path that Linux takes, with the zero byte at its end (limits.h, `PATH_MAX`).
    private static let longestPath = 4096

    /// `O_PATH`: a place and not its contents, which takes no permission to read.
    private static let placeOnly = FileDescriptor.AccessMode(rawValue: 0o10000000)

    static let slash = UInt8(ascii: "/")
    /// How a directory is opened as a place.
    static let placeFlags = O_DIRECTORY | CInt(0o10000000)

    /// The directory, open as a starting point only.
    public let root: FileDescriptor

    /// Opens a directory, links on its way followed.
    public init(_ path: FilePath) throws(FileAccessError) {
        do {
            root = try FileDescriptor.open(path, Self.placeOnly, options: [.directory, .closeOnExec])
        } catch {
            throw FileAccessError(error as? Errno ?? .ioError)
        }
    }

    deinit { try? root.close() }

    /// Opens a regular file for reading. Never waits for a pipe's other end, and opens no device.
    public func open(_ path: [UInt8]) throws(FileAccessError) -> ServedFile {
        let file = OwnedDescriptor(try open(path, flags: O_RDONLY))
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
        return ServedFile(file, FileVersion(status))
    }

    /// Opens what is at a path below the directory, whatever it is.
    ///
    /// - Parameters:
    ///   - path: as in ``open(_:)``; slashes before it are left out.
    ///   - flags: as open(2) takes them.
    ///   - permissions: of a file that is made.
    /// - Returns: The descriptor, which is the caller's to close.
    package func open(_ path: [UInt8], flags: CInt, permissions: FilePermissions = []) throws(FileAccessError)
        -> FileDescriptor
    {
        let relative = path.drop { $0 == Self.slash }
        guard !relative.contains(0), relative.count < Self.longestPath else { throw FileAccessError(.invalidName) }
        guard !NewFile.hasTemporaryPart(relative) else { throw FileAccessError(.reservedName) }
        // The directory itself is one of its paths.
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
            // EAGAIN: something was renamed meanwhile, so that the kernel cannot tell whether the path leads out.
            if errno != .interrupted && errno != .resourceTemporarilyUnavailable { throw FileAccessError(errno) }
        }
    }
}
