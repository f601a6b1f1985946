// Reading a directory, name by name (readdir(3)). Owns the stream.

import Reactor
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The names in an open directory, in the order of the file system, without `.` and `..`.
// Safe: the stream is the reader's own, and lives as long.
@safe package struct DirectoryReader: ~Copyable {
    /// What the file system says that a name stands for.
    package enum Hint { case file, directory, other, unknown }

    private let stream: OpaquePointer
    /// The directory; closed with the reader.
    package let directory: FileDescriptor

    /// Takes an open directory over.
    ///
    /// - Throws: ``FileAccessError``; the descriptor is closed then.
    package init(_ directory: FileDescriptor) throws(FileAccessError) {
        guard let stream = unsafe fdopendir(directory.rawValue) else {
            let cause = Errno(rawValue: errno)
            try? directory.close()
            throw FileAccessError(cause)
        }
        unsafe self.stream = stream
        self.directory = directory
    }

    deinit { unsafe closedir(stream) }

    /// The next name; `nil` at the end, or when the directory cannot be read further.
    package mutating func next() -> (name: [UInt8], hint: Hint)? {
        // Safe: an entry is valid until the next one is read, and its name ends with a zero byte.
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
