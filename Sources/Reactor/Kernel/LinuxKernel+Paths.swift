// The paths and peers of Unix sockets on Linux.

import CReactor
package import SystemPackage

extension LinuxKernel {
    /// getsockopt(2) with `SO_PEERCRED`.
    package func peerCredentials(of socket: FileDescriptor, _ credentials: inout PeerCredentials) -> SystemResult {
        var found = creactor_credentials()
        let result = unsafe SystemResult(rawValue: creactor_peer_credentials(socket.rawValue, &found))
        if result.succeeded {
            (credentials.process, credentials.user, credentials.group) = (found.process, found.user, found.group)
        }
        return result
    }

    /// lstat(2).
    package func status(of path: FilePath, _ status: inout PathStatus) -> SystemResult {
        var found = creactor_path_status()
        let result = unsafe path.withPlatformString { unsafe SystemResult(rawValue: creactor_lstat($0, &found)) }
        if result.succeeded { (status.device, status.inode, status.mode) = (found.device, found.inode, found.mode) }
        return result
    }

    /// unlink(2).
    package func unlink(_ path: FilePath) -> SystemResult {
        unsafe path.withPlatformString { unsafe SystemResult(rawValue: creactor_unlink($0)) }
    }

    /// chmod(2).
    package func setPermissions(_ permissions: FilePermissions, of path: FilePath) -> SystemResult {
        unsafe path.withPlatformString {
            unsafe SystemResult(rawValue: creactor_chmod($0, UInt32(permissions.rawValue)))
        }
    }

    /// fchmod(2).
    package func setPermissions(_ permissions: FilePermissions, of descriptor: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_fchmod(descriptor.rawValue, UInt32(permissions.rawValue)))
    }

    /// open(2) and flock(2) of a directory.
    package func lockDirectory(_ path: FilePath) -> SystemResult {
        unsafe path.withPlatformString { unsafe SystemResult(rawValue: creactor_lock_directory($0)) }
    }

    /// flock(2) with `LOCK_UN`, then close(2).
    package func unlockDirectory(_ lock: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_unlock_directory(lock.rawValue))
    }
}
