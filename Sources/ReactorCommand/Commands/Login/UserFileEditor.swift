// Atomic changes to the users' file. Concurrent editors take turns, and each change is complete or has no effect.
//
//     lock the directory --> read --> change one user's line --> temporary file, with the old owner, group and mode
//                        --> fsync --> rename over the old file --> fsync the directory --> unlock
//
// The lock (flock(2)) is on the directory, because every change replaces the file, which may not exist at first.

import Demos
import ServedFiles
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The editor of a users' file.
enum UserFileEditor {
    /// Changes the line of one user. Adding a user to a missing file creates it, readable by its owner only.
    ///
    /// - Throws: ``CommandFailure`` with a one-line message.
    static func apply(_ edit: UserListEdit, to name: String, in path: FilePath) throws {
        // Resolved first, so that a symbolic link to the file stays a link.
        let path = resolved(path)
        guard let last = path.lastComponent else {
            throw CommandFailure("cannot write \(path): it is a directory; name a file")
        }
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
            throw CommandFailure("cannot change \(path): not a users' file")
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
            case .exists: throw CommandFailure("user \(name) exists already; use --replace to change the password")
            case .notFound: throw CommandFailure("no user \(name) in this file; add one with 'reactor login adduser'")
            case .noHash:
                throw CommandFailure(
                    "cannot unlock \(name): no password is stored; set one with 'reactor login adduser --replace'")
            }
        }
    }

    /// Writes the new file with the old owner and mode, and syncs it to disk before it is renamed.
    private static func write(_ bytes: [UInt8], to file: FileDescriptor, like status: Stat?, _ path: FilePath)
        throws(FileAccessError)
    {
        do {
            if let status = status?.rawValue, status.st_uid != geteuid() || status.st_gid != getegid() {
                try check(fchown(file.rawValue, status.st_uid, status.st_gid))
            }
            // After fchown, which may clear bits of the mode.
            try check(fchmod(file.rawValue, status.map { $0.rawValue.st_mode & 0o7777 } ?? 0o600))
            try file.writeAll(bytes)
            try check(fsync(file.rawValue))
        } catch {
            throw FileAccessError(error as? Errno ?? .ioError)
        }
    }

    private static func open(_ path: FilePath) throws -> FileDescriptor? {
        do {
            // Non-blocking, because opening a pipe would block.
            return try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch Errno.noSuchFileOrDirectory {
            return nil
        }
    }

    /// Returns the path with all symbolic links resolved (realpath(3)); the path itself if it does not exist.
    private static func resolved(_ path: FilePath) -> FilePath {
        // Safe: `name` is NUL-terminated and used only inside the closure; realpath allocates its result, which is
        // copied and freed here.
        unsafe path.withPlatformString { name in
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
