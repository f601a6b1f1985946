// What the kernel reports about a Unix socket's path and about its peer (unix(7)).

package import SystemPackage

/// The credentials of a Unix socket's peer, as of the time when it connected.
public struct PeerCredentials: Sendable, Hashable {
    /// The process ID. The process may have exited since, and another one may have its ID.
    public var process: Int32 = 0
    /// The effective user ID.
    public var user: UInt32 = 0
    /// The effective group ID.
    public var group: UInt32 = 0

    /// Creates empty credentials, which the kernel fills in (`SO_PEERCRED`).
    public init() {}
}

/// The status of a path (lstat(2)).
package struct PathStatus: Sendable, Hashable {
    /// The device. Together with ``inode`` it identifies the file.
    package var device: UInt64 = 0
    /// The inode number.
    package var inode: UInt64 = 0
    /// The file type and permissions (inode(7), "The file type and mode").
    package var mode: UInt32 = 0

    /// Creates an empty status, which lstat(2) fills in.
    package init() {}

    /// Whether the path is a socket (`S_ISSOCK`).
    package var isSocket: Bool { mode & 0o170000 == 0o140000 }
    /// The permissions.
    package var permissions: FilePermissions { FilePermissions(rawValue: CInterop.Mode(mode & 0o7777)) }
}
