// Removes the incomplete files that a killed server has left behind. A file is removed only if all of these hold: its
// name is one that NewFile creates, it is a regular file of this user, nothing was written to it for some time, and its
// lock is free, which a live writer would hold (NewFile.swift).

import CReactor
import Reactor
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension ServedDirectory {
    /// The minimum age of an abandoned file, which protects a file that was just created and is not locked yet. Longer
    /// than an upload may be idle.
    public static let abandonedAge = Duration.seconds(900)

    /// The maximum number of names read, which bounds the time spent in huge directories.
    private static let mostNames = 1_000_000

    /// Removes files whose writer was killed before it committed them. Symbolic links are not followed. Blocks on the
    /// disk: do not call it on a loop's thread.
    ///
    /// - Parameters:
    ///   - age: the minimum time since a file was last written to. Default: 15 min.
    ///   - isRecursive: whether to clean subdirectories as well. Default: yes.
    /// - Returns: The number of files removed.
    @discardableResult
    public func removeAbandonedFiles(olderThan age: Duration = abandonedAge, isRecursive: Bool = true) -> Int {
        var (removed, seen) = (0, 0)
        var paths: [[UInt8]] = [[]]
        while let path = paths.popLast(), seen < Self.mostNames {
            // Only one directory is open at a time, however deep the tree is.
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
        // Since the directory was read, a writer may have committed the file and unlocked it; the name is gone then.
        var now = creactor_file_status()
        // Safe: as above, and the call fills the status before it returns.
        let found = unsafe name.withName { unsafe creactor_status_in(directory.rawValue, $0, &now) }
        guard found.succeeded, now.inode == UInt64(truncatingIfNeeded: status.inode.rawValue) else { return false }
        return unsafe name.withName { unsafe creactor_remove_in(directory.rawValue, $0) }.succeeded
    }
}
