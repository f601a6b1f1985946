// Changing the users' file: one at a time, whoever else does so at the same moment, and whole or not at all.
//
//     lock the directory --> read --> change one user's line --> a temporary file, with owner, group and mode of the old one
//                        --> on the disk --> in place of the old one --> the directory on the disk --> unlock
//
// The directory is locked (flock(2)) and not the file, which is another one after each change, or not there at all.

import Demos
import ServedFiles
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Changes a users' file.
enum UserFileEditor {
    /// Changes the line of one user. A file that is not there is made, for its owner only, when the change adds a user.
    ///
    /// - Throws: ``CommandFailure``, in one line.
    static func apply(_ edit: UserListEdit, to name: String, in path: FilePath) throws {
        // A link to the file stays a link.
        let path = resolved(path)
        guard let last = path.lastComponent else { throw CommandFailure("cannot write \(path): it is a directory") }
        let parent = path.removingLastComponent()
        let folder = parent.isEmpty ? FilePath(".") : parent
        let lock = try attempt("cannot open \(folder)") {
            try FileDescriptor.open(folder, .readOnly, options: [.directory, .closeOnExec])
        }
        defer { try? lock.close() }
        try attempt("cannot lock \(folder)") { try check(flock(lock.rawValue, LOCK_EX)) }
        let old = try attempt("cannot read \(path)") { try open(path) }
        defer { try? old?.close() }
        let status = try old.map { file in try attempt("cannot read \(path)") { try Stat(file) } }
        if let status, status.type != .regular || status.size > UserFile.largest {
            throw CommandFailure("cannot change \(path): it is not a list of users")
        }
        let bytes = try old.map { file in
            try attempt("cannot read \(path)") { try UserFile.contents(of: file, Int(status?.size ?? 0)) }
        }
        let changed = try apply(edit, to: name, of: bytes ?? [])
        if changed == bytes { return }
        do throws(FileAccessError) {
            let directory = try ServedDirectory(folder)
            directory.removeAbandonedFiles(isRecursive: false)
            let file = try directory.create(Array(last.string.utf8))
            do {
                try write(changed, to: file.descriptor, like: status, path)
            } catch {
                file.discard()
                throw error
            }
            try file.commit(replacing: true)
        } catch {
            throw CommandFailure("cannot write \(path): \(error.errno.map { "\($0)" } ?? "\(error)")")
        }
        try attempt("cannot write \(folder)") { try check(fsync(lock.rawValue)) }
    }

    private static func apply(_ edit: UserListEdit, to name: String, of bytes: [UInt8]) throws -> [UInt8] {
        do throws(UserListEdit.Failure) { return try edit.apply(to: bytes, Array(name.utf8)) } catch {
            switch error {
            case .exists: throw CommandFailure("there is a user \(name) already; say --replace to give a new password")
            case .notFound: throw CommandFailure("there is no user \(name); add one with 'reactor login adduser'")
            case .noHash:
                throw CommandFailure(
                    "\(name) has no password to go back to; give one with 'reactor login adduser --replace'")
            }
        }
    }

    /// Writes the new file, and has it on the disk with its owner and mode before it has its name.
    private static func write(_ bytes: [UInt8], to file: FileDescriptor, like status: Stat?, _ path: FilePath)
        throws(FileAccessError)
    {
        do {
            if let status = status?.rawValue, status.st_uid != geteuid() || status.st_gid != getegid() {
                try check(fchown(file.rawValue, status.st_uid, status.st_gid))
            }
            // After the owner, which clears bits of the mode.
            try check(fchmod(file.rawValue, status.map { $0.rawValue.st_mode & 0o7777 } ?? 0o600))
            try file.writeAll(bytes)
            try check(fsync(file.rawValue))
        } catch {
            throw FileAccessError(error as? Errno ?? .ioError)
        }
    }

    private static func open(_ path: FilePath) throws -> FileDescriptor? {
        do {
            // A pipe would be waited for.
            return try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch Errno.noSuchFileOrDirectory {
            return nil
        }
    }

    /// Where links lead (realpath(3)); the path itself where nothing is.
    private static func resolved(_ path: FilePath) -> FilePath {
        unsafe path.withPlatformString { name in
            // Safe: the result is a string of its own, copied and freed here.
            guard let real = unsafe realpath(name, nil) else { return path }
            defer { unsafe free(real) }
            return unsafe FilePath(platformString: real)
        }
    }

    private static func check(_ result: CInt) throws(Errno) {
        if result != 0 { throw Errno(rawValue: errno) }
    }

    private static func attempt<Value>(_ failure: String, _ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as Errno { throw CommandFailure("\(failure): \(error)") }
    }
}
