// The models that make sense for UDP. There are no connections: all clients share one socket, and each datagram carries
// its source. So the iterative server already serves all clients, and none can stall it; select, poll or epoll only pay
// off when there is another descriptor to wait for.

import CServerModels
internal import Reactor
import SystemPackage

/// The echo servers for datagrams.
enum DatagramModels {
    /// The size of the buffer: the largest IP packet, in bytes.
    private static let largest = 65_535
    /// The budget of one readiness event.
    private static let datagramsAtOnce = 64

    /// Serves until the process is ending.
    ///
    /// - Throws: `SocketError` when the socket cannot be bound or the selector cannot be created.

    static func serve(
        _ model: ServerModel, on address: SocketAddress, _ kernel: any SystemCalls, _ listening: (SocketAddress) -> Void
    ) throws(SocketError) {
        let socket = try ModelSockets.bind(.datagram, to: address, kernel)
        defer { _ = kernel.close(socket) }
        let local = ModelSockets.address(of: socket, kernel)
        if local.isWildcard { _ = cmodels_report_local(socket.rawValue, local.isIPv6 ? 1 : 0) }
        // Every datagram gets a reply. Without the guard, two such servers would reply to each other indefinitely.
        var limits = ReplyLimits()
        limits.perSecond = nil
        let replyGuard = ReplyGuard(limits, port: local.port)
        ModelSockets.endOnSignals(waking: socket)
        switch model.kind {
        case .selector(let backend):
            let selector = try backend.makeSelector(kernel)
            defer { selector.close() }
            listening(local)
            wait(in: selector, for: socket, replyGuard)
        case .busyLoop:
            listening(local)
            var buffer = [UInt8](repeating: 0, count: largest)
            while !ModelSockets.isEnding { _ = echoOne(socket, &buffer, replyGuard) }
        default:
            _ = cmodels_make_blocking(socket.rawValue)
            listening(local)
            var buffer = [UInt8](repeating: 0, count: largest)
            while !ModelSockets.isEnding { _ = echoOne(socket, &buffer, replyGuard) }
        }
    }

    private static func wait(in selector: any Selector, for socket: FileDescriptor, _ replyGuard: ReplyGuard) {
        let ready = ReadyList()
        var buffer = [UInt8](repeating: 0, count: largest)
        var mayHaveMore = false
        guard selector.change(socket, token: Token(rawValue: 0), from: nil, to: .readable).succeeded else { return }
        while !ModelSockets.isEnding {
            _ = selector.wait(into: ready, timeout: mayHaveMore ? .none : .forever)
            if ready.count == 0 && !mayHaveMore { continue }
            ready.removeAll()
            // Edge-triggered readiness requires reading until nothing is left, within a budget so that signals are
            // noticed.
            var count = 0
            while count < datagramsAtOnce, echoOne(socket, &buffer, replyGuard) { count += 1 }
            mayHaveMore = count == datagramsAtOnce
        }
    }

    /// Returns one datagram to its source. A reply that finds the send buffer full, or that cannot reach its peer, is
    /// lost like any datagram, and the next one is served.
    ///
    /// - Returns: Whether a datagram was received.
    private static func echoOne(_ socket: FileDescriptor, _ buffer: inout [UInt8], _ replyGuard: ReplyGuard) -> Bool {
        // Safe: `peer` and the buffer outlive both calls, the kernel writes at most `bytes.count` bytes, `prefix`
        // bounds the address, and the span over the received bytes does not leave the closure.
        unsafe buffer.withUnsafeMutableBytes { bytes in
            var peer = cmodels_peer()
            let received = unsafe cmodels_recvfrom(socket.rawValue, bytes.baseAddress, bytes.count, &peer)
            if received < 0 { return -received == Int(Errno.connectionRefused.rawValue) }
            let source = unsafe withUnsafeBytes(of: &peer.address) { address in
                unsafe SocketAddress(system: UnsafeRawBufferPointer(rebasing: address.prefix(Int(peer.length))))
            }
            let datagram = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[..<received]))
            let mayLeave = replyGuard.admits(
                datagram, to: source, question: datagram, at: LinuxKernel.shared.now())
            while mayLeave {
                let sent = unsafe cmodels_sendto(socket.rawValue, bytes.baseAddress, received, &peer)
                if sent != -Int(Errno.interrupted.rawValue) || ModelSockets.isEnding { break }
            }
            return true
        }
    }
}
