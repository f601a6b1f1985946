// What all models share: the listening socket, and the signals that end them.

import CServerModels
internal import Reactor
import SystemPackage

/// The sockets and signals of the models.
enum ModelSockets {
    /// Returns a non-blocking listening socket (socket, bind, listen).
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

    /// Returns a non-blocking bound socket (socket, bind).
    static func bind(
        _ type: SocketKind, to address: SocketAddress, _ kernel: any SystemCalls
    ) throws(SocketError) -> FileDescriptor {
        let made = kernel.socket(type, for: address)
        if let errno = made.errno { throw SocketError(.open, subject: "\(address)", errno: errno) }
        // Without SO_REUSEADDR, a restarted server could not bind until its old connections have left TIME_WAIT, a
        // minute later.
        if type == .stream { _ = kernel.setOption(.reuseAddress, of: made.descriptor, to: 1) }
        if let errno = kernel.bind(made.descriptor, to: address).errno {
            _ = kernel.close(made.descriptor)
            throw SocketError(.listen, subject: "\(address)", errno: errno)
        }
        return made.descriptor
    }

    /// Returns the local address of a socket.
    static func address(of socket: FileDescriptor, _ kernel: any SystemCalls) -> SocketAddress {
        var address = SocketAddress.unspecified
        _ = kernel.localAddress(of: socket, &address)
        return address
    }

    /// Makes SIGTERM and SIGINT end the model and wake it if it waits on this socket.
    static func endOnSignals(waking socket: FileDescriptor) { cmodels_end_on_signals(socket.rawValue) }

    /// Whether a signal has asked the model to end.
    static var isEnding: Bool { cmodels_is_ending() != 0 }

    /// Checks that this process has a single thread, which fork without exec requires.
    ///
    /// A forked child has a copy of the calling thread only, but of all locks in their current state. A lock that
    /// another thread held (that of malloc, for instance) stays locked in the child, which then may only exec or exit.
    /// - Throws: `SocketError` when there are more threads.
    static func requireSingleThread() throws(SocketError) {
        let count = cmodels_threads()
        guard count > 1 else { return }
        throw SocketError(
            .start, subject: "processes",
            reason: "this process has \(count) threads, and a forked child would have only one of them")
    }
}
