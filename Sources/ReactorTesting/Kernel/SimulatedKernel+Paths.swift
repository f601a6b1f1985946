// Unix sockets (unix(7)): names in a flat file system, and connections without a network in between. It models
// net/unix/af_unix.c (unix_bind, unix_stream_connect) in outline.

package import Reactor
public import SystemPackage

extension SimulatedKernel {
    /// Creates a regular file at a path.
    public func makeFile(at path: FilePath) { paths[path] = newPath(mode: 0o100644) }

    /// Returns the status of a path; `nil` when it does not exist.
    package func status(of path: FilePath) -> PathStatus? { paths[path] }

    private func newPath(mode: UInt32) -> PathStatus {
        lastInode += 1
        var status = PathStatus()
        (status.device, status.inode, status.mode) = (1, lastInode, mode)
        return status
    }

    // MARK: Names

    /// Binds a Unix socket (bind(2)); the path outlives the socket.
    func bindUnix(_ file: SimulatedSocket, to wanted: SocketAddress) -> SystemResult {
        let address = wanted == .unnamedUnix ? freeUnixName() : wanted
        if let path = address.unixPath {
            if paths[path] != nil { return SystemResult(.addressInUse) }
            let status = newPath(mode: 0o140000 | UInt32(file.permissions.rawValue) & ~0o022)
            paths[path] = status
            file.inode = status.inode
        } else if listeners.contains(where: { $0.local == address }) {
            return SystemResult(.addressInUse)
        }
        file.local = address
        return SystemResult(0)
    }

    /// Returns an abstract name chosen by the kernel (unix(7), "Autobind feature"): five hexadecimal digits.
    private func freeUnixName() -> SocketAddress {
        lastInode += 1
        let digits = String(lastInode & 0xf_ffff, radix: 16)
        return (try? .unix("@" + String(repeating: "0", count: 5 - digits.count) + digits)) ?? .unnamedUnix
    }

    /// Returns whether connections to an address reach this socket: its path may have been bound again since.
    func isAt(_ address: SocketAddress, _ file: SimulatedSocket) -> Bool {
        guard file.local == address else { return false }
        return address.unixPath.map { paths[$0]?.inode == file.inode } ?? true
    }

    /// Connects a Unix socket (connect(2)): immediately, or not at all.
    func connectUnix(_ client: SimulatedSocket, to address: SocketAddress) -> SystemResult {
        if address == .unnamedUnix { return SystemResult(.invalidArgument) }
        if let path = address.unixPath, paths[path] == nil { return SystemResult(.noSuchFileOrDirectory) }
        guard let listener = listeners.first(where: { isAt(address, $0) }) else {
            return SystemResult(.connectionRefused)
        }
        if listener.accepting.count > listener.backlog { return SystemResult(.resourceTemporarilyUnavailable) }
        if client.local == .unspecified { client.local = .unnamedUnix }
        client.peer = address
        let server = pair(client, listener, at: address, clientSendsFrom: clock.now, serverSendsFrom: clock.now)
        client.phase = .connected
        client.connectWasReported = true
        listener.accepting.append(server)
        listener.wake(.readable)
        client.wake(.writable)
        return SystemResult(0)
    }

    // MARK: Calls

    /// getsockopt(2) with `SO_PEERCRED`. The peer is this process itself: process 1, user 0, group 0.
    package func peerCredentials(of socket: FileDescriptor, _ credentials: inout PeerCredentials) -> SystemResult {
        if let errno = fault(.peerCredentials) { return leave(.peerCredentials, socket.rawValue, SystemResult(errno)) }
        credentials.process = 1
        return leave(.peerCredentials, socket.rawValue, SystemResult(0))
    }

    /// lstat(2).
    package func status(of path: FilePath, _ status: inout PathStatus) -> SystemResult {
        if let errno = fault(.pathStatus) { return leave(.pathStatus, -1, SystemResult(errno)) }
        guard let found = paths[path] else { return leave(.pathStatus, -1, SystemResult(.noSuchFileOrDirectory)) }
        status = found
        return leave(.pathStatus, -1, SystemResult(0))
    }

    /// unlink(2).
    package func unlink(_ path: FilePath) -> SystemResult {
        if let errno = fault(.unlink) { return leave(.unlink, -1, SystemResult(errno)) }
        let wasThere = paths.removeValue(forKey: path) != nil
        return leave(.unlink, -1, wasThere ? SystemResult(0) : SystemResult(.noSuchFileOrDirectory))
    }

    /// chmod(2).
    package func setPermissions(_ permissions: FilePermissions, of path: FilePath) -> SystemResult {
        if let errno = fault(.setPermissions) { return leave(.setPermissions, -1, SystemResult(errno)) }
        guard let mode = paths[path]?.mode else {
            return leave(.setPermissions, -1, SystemResult(.noSuchFileOrDirectory))
        }
        paths[path]?.mode = mode & ~0o7777 | UInt32(permissions.rawValue)
        return leave(.setPermissions, -1, SystemResult(0))
    }

    /// fchmod(2) of a socket: sets the mode that its path gets when it is bound, less an umask of 022.
    package func setPermissions(_ permissions: FilePermissions, of descriptor: FileDescriptor) -> SystemResult {
        if let errno = fault(.setPermissions) {
            return leave(.setPermissions, descriptor.rawValue, SystemResult(errno))
        }
        guard let file = socket(descriptor, .setPermissions) else {
            return leave(.setPermissions, descriptor.rawValue, SystemResult(.badFileDescriptor))
        }
        file.permissions = permissions
        return leave(.setPermissions, descriptor.rawValue, SystemResult(0))
    }

    /// open(2) and flock(2) of a directory, which is never locked by another process.
    package func lockDirectory(_ path: FilePath) -> SystemResult {
        if let errno = fault(.lockDirectory) { return leave(.lockDirectory, -1, SystemResult(errno)) }
        return leave(.lockDirectory, -1, open(NullFile()))
    }

    /// close(2): a simulated process has no children that could hold the lock.
    package func unlockDirectory(_ lock: FileDescriptor) -> SystemResult { close(lock) }
}
