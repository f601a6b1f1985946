// Removing what a killed server has left behind: files that have a temporary name and no writer. A file is removed only if
// all of this holds: the name is one of ours, it is a regular file of this user, nothing was written to it for some time, and
// its lock is free, which a living writer holds (NewFile.swift).

import CReactor
import Reactor
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension ServedDirectory {
    /// How long a file of a killed writer stays, so that one that was made this moment, and is not locked yet, is safe. Longer
    /// than an upload may be silent.
    public static let abandonedAge = Duration.seconds(900)

    /// Names that are read at most: a directory of millions of files is not worth the time.
    private static let mostNames = 1_000_000

    /// Removes files that were on their way when their writer was killed. Links are not followed. Reads the disk: not for a
    /// loop's thread.
    ///
    /// - Parameters:
    ///   - age: how long a file has not been written to. Default: 15 min.
    ///   - isRecursive: whether directories below are cleaned as well.
    /// - Returns: How many files were removed.
    @discardableResult
    public func removeAbandonedFiles(olderThan age: Duration = abandonedAge, isRecursive: Bool = true) -> Int {
        var (removed, seen) = (0, 0)
        var paths: [[UInt8]] = [[]]
        while let path = paths.popLast(), seen < Self.mostNames {
            // One directory at a time is open, however deep the tree is.
            guard let directory = try? open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
                var reader = try? DirectoryReader(directory)
            else { continue }
            while seen < Self.mostNames, let (name, hint) = reader.next() {
                seen += 1
                if NewFile.isOwnName(name) {
                    if Self.remove(name, in: reader.directory, olderThan: age) { removed += 1 }
                } else if isRecursive && (hint == .directory || hint == .unknown) {
                    paths.append(path.isEmpty ? name : path + [Self.slash] + name)
                }
            }
        }
        return removed
    }

    private static func remove(_ name: [UInt8], in directory: FileDescriptor, olderThan age: Duration) -> Bool {
        let name = name + [0]
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY
        // Safe: the name ends with a zero byte and lives for the call.
        let result = unsafe name.withName { unsafe SystemResult(rawValue: Int(openat(directory.rawValue, $0, flags))) }
        guard result.succeeded else { return false }
        defer { try? result.descriptor.close() }
        guard let status = try? Stat(result.descriptor), status.type == .regular, status.rawValue.st_uid == geteuid(),
            Duration.seconds(time(nil) - status.st_mtim.tv_sec) >= age,
            flock(result.descriptor.rawValue, LOCK_EX | LOCK_NB) == 0
        else { return false }
        // A writer may have given the file its name, and unlocked it, since the directory was read; then nothing has this one.
        var now = creactor_file_status()
        // Safe: as above, and the status is written before the call returns.
        let found = unsafe name.withName { unsafe creactor_status_in(directory.rawValue, $0, &now) }
        guard found.succeeded, now.inode == UInt64(truncatingIfNeeded: status.inode.rawValue) else { return false }
        return unsafe name.withName { unsafe creactor_remove_in(directory.rawValue, $0) }.succeeded
    }
}
