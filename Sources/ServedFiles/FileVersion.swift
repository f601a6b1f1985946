// What distinguishes two versions of a file. Size and modification time are not enough: `cp -p`, rsync, tar and nix set
// the time (utimensat(2)), and sizes coincide. The status change time (`st_ctime`) cannot be set by a program, and a
// file that replaces another one under its name has its own inode.

public import SystemPackage

/// A version of a file (stat(2)): equal versions have equal contents, provided that they are settled.
public struct FileVersion: Sendable, Hashable {
    /// Seconds after which any change of the contents is certain to change the status change time, too: the kernel's
    /// clock has a granularity of milliseconds, that of some network file systems of a whole second.
    private static let settlingTime = 2

    /// The device number of the file system.
    public let device: UInt64
    /// The inode number within the file system.
    public let inode: UInt64
    /// The size, in bytes.
    public let size: Int
    /// The modification time, in seconds and nanoseconds since 1970; the file's owner can set it.
    public let modified: (seconds: Int, nanoseconds: Int)
    /// The status change time, in seconds and nanoseconds since 1970; only the kernel sets it.
    public let changed: (seconds: Int, nanoseconds: Int)

    /// Creates a version from its parts.
    public init(
        device: UInt64 = 0, inode: UInt64 = 0, size: Int, modified: (seconds: Int, nanoseconds: Int),
        changed: (seconds: Int, nanoseconds: Int) = (0, 0)
    ) {
        (self.device, self.inode, self.size) = (device, inode, size)
        (self.modified, self.changed) = (modified, changed)
    }

    /// Creates the version that a status describes.
    public init(_ status: Stat) {
        self.init(
            device: UInt64(truncatingIfNeeded: status.deviceID.rawValue),
            inode: UInt64(truncatingIfNeeded: status.inode.rawValue), size: Int(status.size),
            modified: (status.st_mtim.tv_sec, status.st_mtim.tv_nsec),
            changed: (status.st_ctim.tv_sec, status.st_ctim.tv_nsec))
    }

    /// Returns whether every later change of the file results in another version.
    ///
    /// - Parameter now: the wall-clock time at which the version was read, in seconds since 1970.
    public func isSettled(at now: Int) -> Bool { now &- changed.seconds > Self.settlingTime }

    private var parts: [Int] {
        [
            Int(bitPattern: UInt(device)), Int(bitPattern: UInt(inode)), size, modified.seconds, modified.nanoseconds,
            changed.seconds, changed.nanoseconds,
        ]
    }

    /// A 64-bit hash of all parts, which reveals none of them; the same in every process.
    package var digest: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for part in parts {
            // The finalizer of MurmurHash3: every bit of a part affects every bit of the result.
            hash = (hash ^ UInt64(bitPattern: Int64(part))) &* 0xff51_afd7_ed55_8ccd
            hash = (hash ^ hash >> 33) &* 0xc4ce_b9fe_1a85_ec53
            hash ^= hash >> 33
        }
        return hash
    }

    /// Returns whether all parts are equal.
    public static func == (left: FileVersion, right: FileVersion) -> Bool { left.parts == right.parts }

    /// Hashes all parts.
    public func hash(into hasher: inout Hasher) { hasher.combine(parts) }
}
