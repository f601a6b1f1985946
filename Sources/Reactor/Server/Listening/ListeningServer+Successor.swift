// A restart that loses no connection attempt: what a server hands to its successor. How that goes is in
// EventLoop+Successor.swift.

extension ListeningServer {
    /// Starts this program again, with the listening sockets (`LISTEN_FDS`, sd_listen_fds(3)) and the admin socket, and
    /// waits until it serves. On the first loop's thread, while the server runs.
    ///
    /// The new process takes the sockets with ``Inheritance/take()``, and reports in ``run()`` that it serves. The program
    /// is the file that this one was started from, in its present version. It inherits no other descriptor of the
    /// framework's, and the standard ones. A drain ends a successor that does not serve yet.
    ///
    /// - Parameters:
    ///   - arguments: its command line, the program's name first.
    ///   - time: how long it may take to serve; it is killed otherwise. Default: 30 s.
    ///   - finished: called once, on the first loop's thread, with the number of the process that serves, so that this
    ///     one can drain; or with the reason why there is none.
    /// - Throws: ``SocketError`` when it cannot be started, when one is on its way already, and when this server drains.
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

    /// Reports that this server serves, and owns from now on what its predecessor owned. Before this a failure of this
    /// process must leave everything to the predecessor, the paths of its Unix sockets included.
    func beginService() {
        loop.beginService(inheritance)
        let owned = (inheritance?.sockets ?? []).filter { $0.role == .service }.map(\.descriptor)
        if !owned.isEmpty { firstMember.takePaths(of: owned) }
    }
}
