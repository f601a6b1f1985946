// How a listening Unix socket comes by its path, and how the path goes again. A path outlives its server: what a crashed
// one left behind is replaced, but only if nobody listens there, and never a file that is no socket.
//
//     bind --address in use--> is it a socket? --no---> refused
//                                  | yes
//                                  v
//                              connect --somebody answers--> refused
//                                  | refused
//                                  v
//                              unlink, bind
//
// The directory is locked meanwhile (flock(2)), because a server that has bound and does not listen yet would look like
// one that has gone.

import SystemPackage

/// A path that a listening socket made, to be removed by whoever made it.
struct UnixSocketPath {
    private let path: FilePath
    private let status: PathStatus

    private init(path: FilePath, status: PathStatus) {
        self.path = path
        self.status = status
    }

    /// The path of a socket that a predecessor has made; `nil` when it is gone.
    init?(takingOver path: FilePath, _ kernel: any SystemCalls) {
        var status = PathStatus()
        guard kernel.status(of: path, &status).succeeded else { return nil }
        self.init(path: path, status: status)
    }

    /// Binds a socket to a path and listens.
    ///
    /// - Parameter permissions: who may connect; `nil` leaves it to the umask.
    static func listen(
        _ socket: FileDescriptor, on address: SocketAddress, at path: FilePath, permissions: FilePermissions?,
        backlog: Int, _ kernel: any SystemCalls
    ) throws(SocketError) -> UnixSocketPath {
        let directory = path.removingLastComponent()
        let lock = kernel.lockDirectory(directory.isEmpty ? "." : directory)
        if lock.wouldBlock {
            throw SocketError(.listen, subject: "\(address)", reason: "another server is just starting in \(directory)")
        }
        // Any other error is no reason to give up: binding says what is wrong with the path.
        defer { if lock.succeeded { _ = kernel.unlockDirectory(lock.descriptor) } }
        // Before there is a path, so that nobody comes through while it is open to all.
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
                try check(kernel.setPermissions(permissions, of: path), address)  // the umask took some away
            }
            return UnixSocketPath(path: path, status: status)
        } catch {
            _ = kernel.unlink(path)
            throw error
        }
    }

    /// Removes the path, if it is still the one that was made.
    func remove(_ kernel: any SystemCalls) {
        var now = PathStatus()
        guard kernel.status(of: path, &now).succeeded else { return }
        if now.device == status.device && now.inode == status.inode { _ = kernel.unlink(path) }
    }

    private static func check(_ result: SystemResult, _ address: SocketAddress) throws(SocketError) {
        if let errno = result.errno { throw SocketError(.listen, subject: "\(address)", errno: errno) }
    }

    /// Removes a socket that a server left behind.
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
                reason: "a file that is no socket is there; remove it or choose another path")
        }
        let made = kernel.socket(.stream, for: address)
        try check(made, address)
        let answer = kernel.connect(made.descriptor, to: address)
        _ = kernel.close(made.descriptor)
        // A full backlog (EAGAIN), another type of socket, no permission: somebody may be there.
        guard answer.errno == .connectionRefused else {
            throw SocketError(
                .listen, subject: "\(address)", reason: "another server has it: end that one, or choose another path")
        }
        try check(kernel.unlink(path), address)
    }
}
