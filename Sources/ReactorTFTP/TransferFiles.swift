// The sources and sinks of transfers. The loop's workers call them, so that they may block on a disk; the transfer
// calls each object from one thread at a time.

import Reactor
import ServedFiles
import Synchronization
public import SystemPackage

/// A source of bytes for a transfer that sends a file.
///
/// The transfer makes one call at a time: ``read(_:)`` on the loop's workers, where it may block, and ``close()`` on
/// the loop's thread. If the loop ends during a read, ``close()`` is not called; release resources in `deinit`.
public protocol TransferSource: AnyObject, Sendable {
    /// Returns the next bytes.
    ///
    /// - Parameter count: the number of bytes; fewer are returned only at the end of the file.
    /// - Throws: ``FileAccessError`` if the file cannot be read; the transfer fails and the peer receives the reason.
    func read(_ count: Int) throws(FileAccessError) -> [UInt8]
    /// Closes the source. No further read follows.
    func close()
}

/// A destination of bytes for a transfer that receives a file.
///
/// The transfer makes one call at a time: ``write(_:)`` and ``commit()`` on the loop's workers, where they may block,
/// and ``discard()`` on the loop's thread. It commits or discards once. If the loop ends while a worker uses the sink,
/// it does neither; release resources in `deinit`.
public protocol TransferSink: AnyObject, Sendable {
    /// Appends bytes.
    ///
    /// - Throws: ``FileAccessError`` if they cannot be written; the transfer fails and the peer receives the reason.
    func write(_ bytes: [UInt8]) throws(FileAccessError)
    /// Completes the file: all bytes have arrived.
    ///
    /// - Throws: ``FileAccessError`` if the file cannot be stored; it is discarded then.
    func commit() throws(FileAccessError)
    /// Discards the bytes: the transfer failed.
    func discard()
}

/// The files of a TFTP server.
///
/// The server calls it on the loop's thread, so that its calls should not block for long.
public protocol TFTPStore: AnyObject {
    /// Opens a file for reading.
    ///
    /// - Parameter path: the name in the request: untrusted bytes.
    /// - Returns: The source and the size of the file in bytes; 0 if the size is unknown.
    /// - Throws: ``FileAccessError``, which refuses the request.
    func source(_ path: [UInt8]) throws(FileAccessError) -> (source: any TransferSource, size: Int)
    /// Creates a file for writing.
    ///
    /// - Parameter path: the name in the request: untrusted bytes.
    /// - Returns: The sink.
    /// - Throws: ``FileAccessError``, which refuses the request.
    func sink(_ path: [UInt8]) throws(FileAccessError) -> any TransferSink
}

/// A source that reads an open file from its current offset to its end.
public final class FileSource: TransferSource {
    private let descriptor: FileDescriptor
    private let isOpen = Atomic(true)

    /// Creates a source that owns the descriptor, which ``close()`` closes, or at the latest the end of the source: a
    /// transfer whose loop ends during a read does not call ``close()``.
    public init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    /// Reads until `count` bytes are read or the file ends (read(2)).
    public func read(_ count: Int) throws(FileAccessError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            do {
                // Safe: the slice that is read into begins at `filled` and ends with the array.
                let number = try unsafe bytes.withUnsafeMutableBytes { buffer in
                    try unsafe descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
                }
                if number == 0 { break }
                filled += number
            } catch {
                throw FileAccessError(error as? Errno ?? .ioError)
            }
        }
        bytes.removeLast(count - filled)
        return bytes
    }

    /// Closes the descriptor (close(2)), once; errors are ignored.
    public func close() {
        if isOpen.exchange(false, ordering: .relaxed) { try? descriptor.close() }
    }

    deinit { close() }
}

/// A sink that writes to an open descriptor directly: standard output, a device.
public final class DescriptorSink: TransferSink {
    private let descriptor: FileDescriptor

    /// Creates a sink that borrows the descriptor and leaves it open.
    public init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    /// write(2), until all is written.
    public func write(_ bytes: [UInt8]) throws(FileAccessError) {
        do { try descriptor.writeAll(bytes) } catch { throw FileAccessError(error as? Errno ?? .ioError) }
    }

    /// Does nothing.
    public func commit() {}
    /// Does nothing: written bytes stay.
    public func discard() {}
}

/// A sink that creates a file, which appears under its name when it is complete.
///
/// Safe to share: a transfer uses a sink from one thread at a time.
public final class NewFileSink: TransferSink, @unchecked Sendable {
    private var file: NewFile?
    private let descriptor: FileDescriptor
    private let replaces: Bool

    /// Creates a sink for a new file.
    ///
    /// - Parameters:
    ///   - file: the file, under its temporary name.
    ///   - replaces: whether a file of the same name is replaced on commit.
    public init(_ file: consuming NewFile, replaces: Bool) {
        descriptor = file.descriptor
        self.file = consume file
        self.replaces = replaces
    }

    // A loop that has ended abandons running work: the file is removed when the last reference goes.
    deinit { discard() }

    /// write(2), until all is written.
    public func write(_ bytes: [UInt8]) throws(FileAccessError) {
        do { try descriptor.writeAll(bytes) } catch { throw FileAccessError(error as? Errno ?? .ioError) }
    }

    /// Renames the file to its final name; does nothing if it was committed or discarded.
    public func commit() throws(FileAccessError) {
        if let file = file.take() { try file.commit(replacing: replaces) }
    }

    /// Removes the file; does nothing if it was committed or discarded.
    public func discard() {
        if let file = file.take() { file.discard() }
    }
}

/// A store of the files in a directory.
public final class DirectoryTransferStore: TFTPStore {
    /// The files that clients may write.
    public struct Writing: Sendable, Hashable {
        enum Value { case nothing, newFiles, allFiles }
        let value: Value

        /// No files. The default.
        public static let nothing = Writing(value: .nothing)
        /// New files only.
        public static let newFiles = Writing(value: .newFiles)
        /// New files, and replacements of existing ones.
        public static let allFiles = Writing(value: .allFiles)
    }

    private let directory: ServedDirectory
    private let writing: Writing

    /// Creates a store.
    ///
    /// - Parameters:
    ///   - directory: the directory; no path leads out of it.
    ///   - writing: the files that clients may write. Default: ``Writing/nothing``.
    public init(_ directory: ServedDirectory, writing: Writing = .nothing) {
        self.directory = directory
        self.writing = writing
    }

    /// Opens a regular file for reading.
    ///
    /// - Throws: ``FileAccessError`` if it does not exist, is not a regular file or cannot be opened.
    public func source(_ path: [UInt8]) throws(FileAccessError) -> (source: any TransferSource, size: Int) {
        let file = try directory.open(path)
        let size = file.size
        return (FileSource(file.descriptor.release()), size)
    }

    /// Creates a file under a temporary name.
    ///
    /// With ``Writing/newFiles``, an existing file is detected here, before the client sends anything, and again on
    /// commit, because another transfer may have created it meanwhile.
    ///
    /// - Throws: ``FileAccessError`` if writing is not permitted, the file exists, or it cannot be created.
    public func sink(_ path: [UInt8]) throws(FileAccessError) -> any TransferSink {
        if writing == .nothing { throw FileAccessError(.notPermitted) }
        if writing == .newFiles, try directory.entry(at: path) != nil { throw FileAccessError(.exists) }
        return NewFileSink(try directory.create(path), replaces: writing == .allFiles)
    }
}
