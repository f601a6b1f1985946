// The local file of a transfer: a named file, standard input or standard output.

import Demos
import Reactor
import ReactorTFTP
import ServedFiles
import SystemPackage

/// The local end of a transfer.
enum LocalFile {
    /// Opens the file to send; `-` is standard input.
    ///
    /// - Returns: The source, and its size in bytes if it is a regular file.
    /// - Throws: ``CommandFailure`` when the file cannot be opened.
    static func source(_ name: String) throws -> (any TransferSource, size: Int?) {
        if name == "-" { return (FileSource(.standardInput), nil) }
        do {
            let file = try FileDescriptor.open(FilePath(name), .readOnly, options: .closeOnExec)
            let status = try Stat(file)
            if status.type == .directory {
                try? file.close()
                throw Errno.isDirectory
            }
            return (FileSource(file), status.type == .regular ? Int(status.size) : nil)
        } catch {
            throw CommandFailure("cannot read \(name): \(words(error))")
        }
    }

    /// Creates the file to receive into; `-` is standard output. A device, a pipe or another special file is written
    /// directly.
    ///
    /// - Throws: ``CommandFailure`` when the file cannot be created.
    static func sink(_ name: String) throws -> any TransferSink {
        if name == "-" { return OutputSink() }
        let path = FilePath(name)
        do {
            if let type = try? Stat(path).type, type != .regular, type != .directory {
                return DescriptorSink(try .open(path, .writeOnly, options: .closeOnExec))
            }
            if (try? Stat(path).type) == .directory { throw Errno.isDirectory }
            let parent = path.removingLastComponent()
            guard let last = path.lastComponent else { throw Errno.isDirectory }
            let directory = try ServedDirectory(parent.isEmpty ? FilePath(".") : parent)
            directory.removeAbandonedFiles(isRecursive: false)
            return NewFileSink(try directory.create(Array(last.string.utf8)), replaces: true)
        } catch let error as FileAccessError {
            throw CommandFailure("cannot write \(name): \(error.namedDescription)")
        } catch {
            throw CommandFailure("cannot write \(name): \(words(error))")
        }
    }

    private static func words(_ error: any Error) -> String { (error as? Errno)?.namedDescription ?? "\(error)" }
}

/// Standard output as the sink of a transfer.
private final class OutputSink: TransferSink {
    func write(_ bytes: [UInt8]) throws(FileAccessError) {
        guard StandardOutput.write(bytes.span) else {
            throw FileAccessError(StandardOutput.failure ?? .ioError)
        }
    }

    func commit() {}
    func discard() {}
}
