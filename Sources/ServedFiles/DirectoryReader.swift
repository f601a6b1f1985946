// Reads the names in a directory one by one (readdir(3)). Owns the directory stream.

import Reactor
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The names in an open directory, in file-system order, without `.` and `..`.
// Safe: the reader owns the stream, which is closed only when the reader is destroyed.
@safe package struct DirectoryReader: ~Copyable {
    /// The kind of an entry as the file system reports it (`d_type`).
    package enum Hint { case file, directory, other, unknown }

    private let stream: OpaquePointer
    /// The directory's descriptor; closed with the reader.
    package let directory: FileDescriptor

    /// Takes ownership of an open directory.
    ///
    /// - Throws: ``FileAccessError``; the descriptor is closed in that case.
    package init(_ directory: FileDescriptor) throws(FileAccessError) {
        // Safe: the descriptor is open, and on success the stream owns it.
        guard let stream = unsafe fdopendir(directory.rawValue) else {
            let cause = Errno(rawValue: errno)
            try? directory.close()
            throw FileAccessError(cause)
        }
        unsafe self.stream = stream
        self.directory = directory
    }

    // Safe: the reader owns the stream, and nothing uses it afterwards.
    deinit { unsafe closedir(stream) }

    /// Returns the next name; `nil` at the end, or if the directory cannot be read any further.
    package mutating func next() -> (name: [UInt8], hint: Hint)? {
        // Safe: an entry is valid until the next call of readdir(3), and its name ends with a zero byte.
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                let bytes = unsafe UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
                let count = unsafe strlen(UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self))
                return unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
            }
            if name == [0x2e] || name == [0x2e, 0x2e] { continue }
            let hint: Hint =
                switch unsafe Int32(entry.pointee.d_type) {
                case Int32(DT_REG): .file
                case Int32(DT_DIR): .directory
                case Int32(DT_UNKNOWN): .unknown
                default: .other
                }
            return (name, hint)
        }
        return nil
    }
}
