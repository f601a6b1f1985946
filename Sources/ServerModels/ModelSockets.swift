// What the models do alike before they differ: a socket that listens, and the signals that end them.

import CServerModels
import Reactor
import SystemPackage

enum ModelSockets {
    /// socket, bind, listen: a socket that does not wait.
    static func listen(
        on address: SocketAddress, backlog: Int, _ kernel: any SystemCalls
    ) throws(SocketError) -> FileDescriptor {
        let socket = try bind(.stream, to: address, kernel)
        if let errno = kernel.listen(socket, backlog: backlog).errno {
            _ = kernel.close(socket)
            throw SocketError(.listen, subject: "\(address)", errno: errno)
        }
        return socket
    }

    /// socket, bind: a socket that does not wait.
    static func bind(
        _ type: SocketKind, to address: SocketAddress, _ kernel: any SystemCalls
    ) throws(SocketError) -> FileDescriptor {
        let made = kernel.socket(type, for: address)
        if let errno = made.errno { throw SocketError(.open, subject: "\(address)", errno: errno) }
        // Without it a server that is started again has to wait for a minute, until its old connections are forgotten.
        if type == .stream { _ = kernel.setOption(.reuseAddress, of: made.descriptor, to: 1) }
        if let errno = kernel.bind(made.descriptor, to: address).errno {
            _ = kernel.close(made.descriptor)
            throw SocketError(.listen, subject: "\(address)", errno: errno)
        }
        return made.descriptor
    }

    static func address(of socket: FileDescriptor, _ kernel: any SystemCalls) -> SocketAddress {
        var address = SocketAddress.unspecified
        _ = kernel.localAddress(of: socket, &address)
        return address
    }

    /// SIGTERM and SIGINT end the model, which may be waiting on this socket.
    static func endOnSignals(waking socket: FileDescriptor) { cmodels_end_on_signals(socket.rawValue) }

    /// Whether the model is to end.
    static var isEnding: Bool { cmodels_is_ending() != 0 }

    /// A forked child has a copy of the calling thread and of no other; but of all locks, as they were. A lock that another
    /// thread held (malloc's, for one) stays locked for ever in the child, which then may only exec or end.
    static func requireSingleThread() throws(SocketError) {
        let count = cmodels_threads()
        guard count > 1 else { return }
        throw SocketError(
            .start, subject: "processes",
            reason: "this process has \(count) threads, and a forked child would have only one of them")
    }
}
