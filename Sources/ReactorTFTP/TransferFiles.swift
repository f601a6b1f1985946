// Where the bytes of a transfer come from and go to, as workers see it: calls that may block for as long as a disk does.
// Each object is used by one thread at a time, which is the transfer's concern.

import Reactor
import ServedFiles
public import SystemPackage

/// What a transfer reads.
public protocol TransferSource: AnyObject, Sendable {
    /// The next bytes, at most so many; fewer only at the end.
    func read(_ count: Int) throws(FileAccessError) -> [UInt8]
    /// Nothing more is read.
    func close()
}

/// What a transfer writes. It is committed or discarded, once.
public protocol TransferSink: AnyObject, Sendable {
    /// Adds bytes.
    func write(_ bytes: [UInt8]) throws(FileAccessError)
    /// All has arrived: the file is there from now on; when this throws, it is discarded.
    func commit() throws(FileAccessError)
    /// There will be no such file.
    func discard()
}

/// Where a TFTP server finds its files, and makes new ones.
public protocol TFTPStore: AnyObject {
    /// A file that is read, and its size in bytes.
    func source(_ path: [UInt8]) throws(FileAccessError) -> (source: any TransferSource, size: Int)
    /// A file that is written.
    func sink(_ path: [UInt8]) throws(FileAccessError) -> any TransferSink
}

/// A file that is read from its beginning to its end.
public final class FileSource: TransferSource {
    private let descriptor: FileDescriptor

    /// Reads an open file, which is closed with this.
    public init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    /// read(2), until there are enough.
    public func read(_ count: Int) throws(FileAccessError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            do {
                // Safe: what is read into lies behind what is filled, within the array.
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

    /// close(2).
    public func close() { try? descriptor.close() }
}

/// Something that is written to as it is: standard output, a device.
public final class DescriptorSink: TransferSink {
    private let descriptor: FileDescriptor

    /// Writes to an open descriptor, which stays open.
    public init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    /// write(2), until all is written.
    public func write(_ bytes: [UInt8]) throws(FileAccessError) {
        do { try descriptor.writeAll(bytes) } catch { throw FileAccessError(error as? Errno ?? .ioError) }
    }

    /// Nothing is left to do.
    public func commit() {}
    /// What was written stays.
    public func discard() {}
}

/// A file that is there when it is complete.
///
/// Safe to share: one thread at a time uses it, as every sink.
public final class NewFileSink: TransferSink, @unchecked Sendable {
    private var file: NewFile?
    private let descriptor: FileDescriptor
    private let replaces: Bool

    /// Writes a new file.
    ///
    /// - Parameter replaces: whether one of the same name is replaced.
    public init(_ file: consuming NewFile, replaces: Bool) {
        descriptor = file.descriptor
        self.file = consume file
        self.replaces = replaces
    }

    // A loop that has ended gives up work that is running: the file goes when that is over.
    deinit { discard() }

    /// write(2), until all is written.
    public func write(_ bytes: [UInt8]) throws(FileAccessError) {
        do { try descriptor.writeAll(bytes) } catch { throw FileAccessError(error as? Errno ?? .ioError) }
    }

    /// Gives the file its name.
    public func commit() throws(FileAccessError) {
        if let file = file.take() { try file.commit(replacing: replaces) }
    }

    /// Removes it.
    public func discard() {
        if let file = file.take() { file.discard() }
    }
}

/// The files of a directory.
public final class DirectoryTransferStore: TFTPStore {
    /// What may be written.
    public struct Writing: Sendable, Hashable {
        enum Value { case nothing, newFiles, allFiles }
        let value: Value

        /// Nothing. The default.
        public static let nothing = Writing(value: .nothing)
        /// Files that are not there yet.
        public static let newFiles = Writing(value: .newFiles)
        /// Files that are there are replaced, too.
        public static let allFiles = Writing(value: .allFiles)
    }

    private let directory: ServedDirectory
    private let writing: Writing

    /// The files of this directory.
    public init(_ directory: ServedDirectory, writing: Writing = .nothing) {
        self.directory = directory
        self.writing = writing
    }

    /// Opens a file.
    public func source(_ path: [UInt8]) throws(FileAccessError) -> (source: any TransferSource, size: Int) {
        let file = try directory.open(path)
        let size = file.size
        return (FileSource(file.descriptor.release()), size)
    }

    /// Makes a file. One that is there already is found out at once, so that nothing is sent in vain; and once more when
    /// it is complete, for another one may have been quicker.
    public func sink(_ path: [UInt8]) throws(FileAccessError) -> any TransferSink {
        if writing == .nothing { throw FileAccessError(.notPermitted) }
        if writing == .newFiles, try directory.entry(at: path) != nil { throw FileAccessError(.exists) }
        return NewFileSink(try directory.create(path), replaces: writing == .allFiles)
    }
}
