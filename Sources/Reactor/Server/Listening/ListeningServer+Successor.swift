// A restart that loses no connection: what a server hands to its successor. EventLoop+Successor.swift has the
// procedure.

extension ListeningServer {
    /// Starts this program again and hands its sockets over: the listening sockets (`LISTEN_FDS`, sd_listen_fds(3)) and
    /// the admin socket.
    ///
    /// Call it on the first loop's thread while the server runs. The new process takes the sockets with
    /// ``Inheritance/take()`` and reports from ``run()`` that it serves. It runs the file that this process was started
    /// from, in its current version, and inherits the standard descriptors but no others of the framework's. A drain
    /// kills a successor that is not ready.
    ///
    /// - Parameters:
    ///   - arguments: the command line, starting with the program's name.
    ///   - time: the time until the successor has to serve; otherwise it is killed. Default: 30 s.
    ///   - finished: called once, on the first loop's thread: with the process ID of the successor when it serves, so
    ///     that
    ///     this server can drain; or with the error.
    /// - Throws: ``SocketError`` when the process cannot be started, when another successor is starting, and while this
    ///   server drains.
    public func startSuccessor(
        arguments: [String], within time: Duration = .seconds(30),
        _ finished: @escaping (Result<Int32, SocketError>) -> Void
    ) throws(SocketError) {
        let inherited = inheritance?.sockets ?? []
        let handed = sockets.enumerated().map { index, descriptor in
            inherited.isEmpty
                ? HandedSocket(descriptor: descriptor, name: nil, role: .service)
                : HandedSocket(descriptor: descriptor, name: inherited[index].name, role: inherited[index].role)
        }
        try loop.startSuccessor(arguments: arguments, sockets: handed, within: time) { [unowned self] result in
            if case .success = result { firstMember.leavePaths() }
            finished(result)
        }
    }

    /// Reports that this server serves, and takes ownership of its predecessor's paths.
    ///
    /// Until then a failure of this process leaves everything to the predecessor, including the paths of Unix sockets.
    func beginService() {
        loop.beginService(inheritance)
        let owned = (inheritance?.sockets ?? []).filter { $0.role == .service }.map(\.descriptor)
        if !owned.isEmpty { firstMember.takePaths(of: owned) }
    }
}
