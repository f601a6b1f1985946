// What the kernel says of a Unix socket's path and of who is at the other end (unix(7)).

public import SystemPackage

/// Who is at the other end of a Unix socket, as it was when it connected.
public struct PeerCredentials: Sendable, Hashable {
    /// The process. It may have ended since, and its number may be another's.
    public var process: Int32 = 0
    /// Its effective user.
    public var user: UInt32 = 0
    /// Its effective group.
    public var group: UInt32 = 0

    /// Nobody: to be filled in by ``Kernel/peerCredentials(of:_:)``.
    public init() {}
}

/// What is at a path.
public struct PathStatus: Sendable, Hashable {
    /// The device and the number of the file on it: together, which file it is.
    public var device: UInt64 = 0
    /// See ``device``.
    public var inode: UInt64 = 0
    /// What kind of file it is and what is permitted (inode(7), "The file type and mode").
    public var mode: UInt32 = 0

    /// Nothing: to be filled in by ``Kernel/status(of:_:)``.
    public init() {}

    /// Whether it is a socket (`S_ISSOCK`).
    public var isSocket: Bool { mode & 0o170000 == 0o140000 }
    /// What is permitted.
    public var permissions: FilePermissions { FilePermissions(rawValue: CInterop.Mode(mode & 0o7777)) }
}
