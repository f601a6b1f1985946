// The same for UDP, where it makes sense. There are no connections: one socket is everybody's, and a datagram says where it
// comes from. So the iterative server already serves all, nobody can stall it, and waiting in select, poll or epoll brings
// nothing for the socket alone: it does when there is something else to wait for meanwhile.

import CServerModels
import Reactor
import SystemPackage

/// Datagram servers.
enum DatagramModels {
    /// The largest datagram that IP can carry.
    private static let largest = 65_535
    private static let datagramsAtOnce = 64

    static func serve(
        _ model: ServerModel, on address: SocketAddress, _ kernel: any SystemCalls, _ listening: (SocketAddress) -> Void
    ) throws(SocketError) {
        let socket = try ModelSockets.bind(.datagram, to: address, kernel)
        defer { _ = kernel.close(socket) }
        let local = ModelSockets.address(of: socket, kernel)
        ModelSockets.endOnSignals(waking: socket)
        switch model.kind {
        case .selector(let backend):
            let selector = try backend.makeSelector(kernel)
            defer { selector.close() }
            listening(local)
            wait(in: selector, for: socket)
        case .busyLoop:
            listening(local)
            var buffer = [UInt8](repeating: 0, count: largest)
            while !ModelSockets.isEnding { _ = echoOne(socket, &buffer) }
        default:
            _ = cmodels_make_blocking(socket.rawValue)
            listening(local)
            var buffer = [UInt8](repeating: 0, count: largest)
            while !ModelSockets.isEnding { _ = echoOne(socket, &buffer) }
        }
    }

    private static func wait(in selector: any Selector, for socket: FileDescriptor) {
        let ready = ReadyList()
        var buffer = [UInt8](repeating: 0, count: largest)
        var mayHaveMore = false
        guard selector.change(socket, token: Token(rawValue: 0), from: nil, to: .readable).succeeded else { return }
        while !ModelSockets.isEnding {
            _ = selector.wait(into: ready, timeout: mayHaveMore ? .none : .forever)
            if ready.count == 0 && !mayHaveMore { continue }
            ready.removeAll()
            // Until nothing is left, which edge-triggered readiness asks for; but not for ever.
            var count = 0
            while count < datagramsAtOnce, echoOne(socket, &buffer) { count += 1 }
            mayHaveMore = count == datagramsAtOnce
        }
    }

    /// Sends one datagram back to where it came from; false when there is none. An answer that does not fit into the
    /// socket's buffer is lost, as datagrams are.
    private static func echoOne(_ socket: FileDescriptor, _ buffer: inout [UInt8]) -> Bool {
        unsafe buffer.withUnsafeMutableBytes { bytes in
            // The peer and the buffer live for both calls, and neither writes more than there is room for.
            var peer = cmodels_peer()
            let received = unsafe cmodels_recvfrom(socket.rawValue, bytes.baseAddress, bytes.count, &peer)
            if received < 0 { return -received == Int(Errno.connectionRefused.rawValue) }
            _ = unsafe cmodels_sendto(socket.rawValue, bytes.baseAddress, received, &peer)
            return true
        }
    }
}
