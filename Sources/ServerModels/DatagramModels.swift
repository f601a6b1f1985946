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
        if local.isWildcard { _ = cmodels_report_local(socket.rawValue, local.isIPv6 ? 1 : 0) }
        // These answer whatever comes, each datagram once: without the guard two of them would answer each other.
        var limits = AnswerLimits()
        limits.perSecond = nil
        let answers = AnswerGuard(limits, port: local.port)
        ModelSockets.endOnSignals(waking: socket)
        switch model.kind {
        case .selector(let backend):
            let selector = try backend.makeSelector(kernel)
            defer { selector.close() }
            listening(local)
            wait(in: selector, for: socket, answers)
        case .busyLoop:
            listening(local)
            var buffer = [UInt8](repeating: 0, count: largest)
            while !ModelSockets.isEnding { _ = echoOne(socket, &buffer, answers) }
        default:
            _ = cmodels_make_blocking(socket.rawValue)
            listening(local)
            var buffer = [UInt8](repeating: 0, count: largest)
            while !ModelSockets.isEnding { _ = echoOne(socket, &buffer, answers) }
        }
    }

    private static func wait(in selector: any Selector, for socket: FileDescriptor, _ answers: AnswerGuard) {
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
            while count < datagramsAtOnce, echoOne(socket, &buffer, answers) { count += 1 }
            mayHaveMore = count == datagramsAtOnce
        }
    }

    /// Sends one datagram back to where it came from; false when there is none. An answer that does not fit into the
    /// socket's buffer is lost, as datagrams are, and so is one that cannot reach its peer: the next peer is served.
    private static func echoOne(_ socket: FileDescriptor, _ buffer: inout [UInt8], _ answers: AnswerGuard) -> Bool {
        unsafe buffer.withUnsafeMutableBytes { bytes in
            // The peer and the buffer live for both calls, and neither writes more than there is room for.
            var peer = cmodels_peer()
            let received = unsafe cmodels_recvfrom(socket.rawValue, bytes.baseAddress, bytes.count, &peer)
            if received < 0 { return -received == Int(Errno.connectionRefused.rawValue) }
            let source = unsafe withUnsafeBytes(of: &peer.address) { address in
                unsafe SocketAddress(system: UnsafeRawBufferPointer(rebasing: address.prefix(Int(peer.length))))
            }
            let datagram = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[..<received]))
            let mayLeave = answers.admits(
                datagram, to: source, question: datagram, at: LinuxKernel.shared.now())
            while mayLeave {
                let sent = unsafe cmodels_sendto(socket.rawValue, bytes.baseAddress, received, &peer)
                if sent != -Int(Errno.interrupted.rawValue) || ModelSockets.isEnding { break }
            }
            return true
        }
    }
}
