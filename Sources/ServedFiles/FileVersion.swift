// What distinguishes two versions of a file. Size and time of modification are not enough: `cp -p`, rsync, tar and nix set the
// time (utimensat(2)), and equal sizes happen. No program can set the time of change (`st_ctime`), and a file that takes
// another one's name has an inode of its own.

public import SystemPackage

/// One version of a file (stat(2)): equal versions have equal contents, if they are settled.
public struct FileVersion: Sendable, Hashable {
    /// Seconds after which a change of the contents is certain to have changed the time of change too: the kernel's clock has
    /// ticks of milliseconds, those of some network file systems are whole seconds.
    private static let settlingTime = 2

    /// The file system.
    public let device: UInt64
    /// The file's number in it.
    public let inode: UInt64
    /// Size in bytes.
    public let size: Int
    /// When the contents were last modified, in seconds and nanoseconds since 1970, as the owner of the file claims.
    public let modified: (seconds: Int, nanoseconds: Int)
    /// When the contents or the status were last changed, in seconds and nanoseconds since 1970, as the kernel claims.
    public let changed: (seconds: Int, nanoseconds: Int)

    /// A version with these parts.
    public init(
        device: UInt64 = 0, inode: UInt64 = 0, size: Int, modified: (seconds: Int, nanoseconds: Int),
        changed: (seconds: Int, nanoseconds: Int) = (0, 0)
    ) {
        (self.device, self.inode, self.size) = (device, inode, size)
        (self.modified, self.changed) = (modified, changed)
    }

    /// The version that a status describes.
    public init(_ status: Stat) {
        self.init(
            device: UInt64(truncatingIfNeeded: status.deviceID.rawValue),
            inode: UInt64(truncatingIfNeeded: status.inode.rawValue), size: Int(status.size),
            modified: (status.st_mtim.tv_sec, status.st_mtim.tv_nsec),
            changed: (status.st_ctim.tv_sec, status.st_ctim.tv_nsec))
    }

    /// Whether every later change results in another version.
    ///
    /// - Parameter now: the wall clock when the version was read, in seconds since 1970.
    public func isSettled(at now: Int) -> Bool { now &- changed.seconds > Self.settlingTime }

    private var parts: [Int] {
        [
            Int(bitPattern: UInt(device)), Int(bitPattern: UInt(inode)), size, modified.seconds, modified.nanoseconds,
            changed.seconds, changed.nanoseconds,
        ]
    }

    /// 64 bits that depend on all parts and reveal none of them; the same in every process.
    package var digest: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for part in parts {
            // The finalizer of MurmurHash3, so that each bit of a part reaches each bit of the result.
            hash = (hash ^ UInt64(bitPattern: Int64(part))) &* 0xff51_afd7_ed55_8ccd
            hash = (hash ^ hash >> 33) &* 0xc4ce_b9fe_1a85_ec53
            hash ^= hash >> 33
        }
        return hash
    }

    /// Whether all parts are equal.
    public static func == (left: FileVersion, right: FileVersion) -> Bool { left.parts == right.parts }

    /// Hashes all parts.
    public func hash(into hasher: inout Hasher) { hasher.combine(parts) }
}
