// Creates and removes the path of a listening Unix socket. A path outlives its server: a stale one is replaced, but
// only if no server listens on it, and never if it is another type of file.
//
//     bind --address in use--> is it a socket? --no---> refused
//                                  | yes
//                                  v
//                              connect --connected, or another error--> refused
//                                  | ECONNREFUSED
//                                  v
//                              unlink, bind
//
// The directory is locked meanwhile (flock(2)), because a server that has bound but does not listen yet would look
// stale.

import SystemPackage

/// The path of a listening socket, removed by the listener that created it.
struct UnixSocketPath {
    private let path: FilePath
    private let status: PathStatus

    private init(path: FilePath, status: PathStatus) {
        self.path = path
        self.status = status
    }

    /// Takes over the path of a predecessor's socket; `nil` if it no longer exists.
    init?(takingOver path: FilePath, _ kernel: any SystemCalls) {
        var status = PathStatus()
        guard kernel.status(of: path, &status).succeeded else { return nil }
        self.init(path: path, status: status)
    }

    /// Binds a socket to a path and listens.
    ///
    /// - Parameters:
    ///   - socket: an unbound Unix socket.
    ///   - address: the address of `path`, for errors.
    ///   - path: the path to create.
    ///   - permissions: the mode of the path; `nil` leaves it to the umask.
    ///   - backlog: the backlog (listen(2)).
    /// - Returns: The path, to be removed later.
    /// - Throws: ``SocketError`` that names the address.
    static func listen(
        _ socket: FileDescriptor, on address: SocketAddress, at path: FilePath, permissions: FilePermissions?,
        backlog: Int, _ kernel: any SystemCalls
    ) throws(SocketError) -> UnixSocketPath {
        let directory = path.removingLastComponent()
        let lock = kernel.lockDirectory(directory.isEmpty ? "." : directory)
        if lock.wouldBlock {
            throw SocketError(.listen, subject: "\(address)", reason: "another server is just starting in \(directory)")
        }
        // Other errors are ignored: bind(2) reports what is wrong with the path.
        defer { if lock.succeeded { _ = kernel.unlockDirectory(lock.descriptor) } }
        // Before bind(2), so that the path never exists with wider permissions.
        if let permissions { try check(kernel.setPermissions(permissions, of: socket), address) }
        var bound = kernel.bind(socket, to: address)
        if bound.errno == .addressInUse {
            try removeStale(path, address, kernel)
            bound = kernel.bind(socket, to: address)
        }
        try check(bound, address)
        do throws(SocketError) {
            try check(kernel.listen(socket, backlog: backlog), address)
            var status = PathStatus()
            try check(kernel.status(of: path, &status), address)
            if let permissions, status.permissions != permissions {
                try check(kernel.setPermissions(permissions, of: path), address)  // the umask removed some
            }
            return UnixSocketPath(path: path, status: status)
        } catch {
            _ = kernel.unlink(path)
            throw error
        }
    }

    /// Removes the path, unless it has been replaced.
    func remove(_ kernel: any SystemCalls) {
        var now = PathStatus()
        guard kernel.status(of: path, &now).succeeded else { return }
        if now.device == status.device && now.inode == status.inode { _ = kernel.unlink(path) }
    }

    private static func check(_ result: SystemResult, _ address: SocketAddress) throws(SocketError) {
        if let errno = result.errno { throw SocketError(.listen, subject: "\(address)", errno: errno) }
    }

    /// Removes a stale socket.
    private static func removeStale(_ path: FilePath, _ address: SocketAddress, _ kernel: any SystemCalls)
        throws(SocketError)
    {
        var status = PathStatus()
        let found = kernel.status(of: path, &status)
        if found.errno == .noSuchFileOrDirectory { return }
        try check(found, address)
        guard status.isSocket else {
            throw SocketError(
                .listen, subject: "\(address)",
                reason: "the path exists and is not a socket; remove it or choose another path")
        }
        let made = kernel.socket(.stream, for: address)
        try check(made, address)
        let answer = kernel.connect(made.descriptor, to: address)
        _ = kernel.close(made.descriptor)
        // Any other error (EAGAIN: full backlog, EPROTOTYPE, EACCES) may mean that a server is listening.
        guard answer.errno == .connectionRefused else {
            throw SocketError(
                .listen, subject: "\(address)", reason: "another server has it: end that one, or choose another path")
        }
        try check(kernel.unlink(path), address)
    }
}
