// The trace of Unix sockets: their paths and peers.

package import SystemPackage

extension TracingKernel {
    /// getsockopt(2) with `SO_PEERCRED`, with the peer's process, user and group.
    package func peerCredentials(of socket: FileDescriptor, _ credentials: inout PeerCredentials) -> SystemResult {
        let result = base.peerCredentials(of: socket, &credentials)
        let peer = "process \(credentials.process), user \(credentials.user), group \(credentials.group)"
        return note("getsockopt(\(socket.rawValue), peer credentials)", result, result.succeeded ? peer : "")
    }

    /// lstat(2).
    package func status(of path: FilePath, _ status: inout PathStatus) -> SystemResult {
        note("lstat(\(path))", base.status(of: path, &status))
    }

    /// unlink(2).
    package func unlink(_ path: FilePath) -> SystemResult { note("unlink(\(path))", base.unlink(path)) }

    /// chmod(2).
    package func setPermissions(_ permissions: FilePermissions, of path: FilePath) -> SystemResult {
        note("chmod(\(path), \(octal(permissions)))", base.setPermissions(permissions, of: path))
    }

    /// fchmod(2).
    package func setPermissions(_ permissions: FilePermissions, of descriptor: FileDescriptor) -> SystemResult {
        note(
            "fchmod(\(descriptor.rawValue), \(octal(permissions)))", base.setPermissions(permissions, of: descriptor))
    }

    private func octal(_ permissions: FilePermissions) -> String { "0" + String(permissions.rawValue, radix: 8) }

    /// open(2) and flock(2) of a directory.
    package func lockDirectory(_ path: FilePath) -> SystemResult {
        note("open and flock(\(path))", base.lockDirectory(path))
    }

    /// flock(2) with `LOCK_UN`, then close(2).
    package func unlockDirectory(_ lock: FileDescriptor) -> SystemResult {
        note("unlock and close(\(lock.rawValue))", base.unlockDirectory(lock))
    }
}
