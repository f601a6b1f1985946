// What one client's stalling does to another, by trying it: so many clients stall, then one more asks, and the time to its
// answer is taken. Plain calls that wait, in this process: the one who asks does nothing but wait.

import CServerModels
import Reactor
import SystemPackage

/// Asks a server beside clients that stall.
struct StallProbe {
    /// How a client stalls.
    enum Kind: String, Encodable {
        /// It connects, and says nothing.
        case silent
        /// It sends, and never reads what comes back.
        case unread
    }

    let address: SocketAddress
    /// After so long there is no answer.
    let patience: Duration

    /// The most that a client sends without reading, in pieces.
    private static let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 64 * 1024)
    private static let pieces = 1024
    /// When nothing was taken for so long, the server is full.
    private static let fullAfter = WaitTimeout(nanoseconds: 60_000_000)
    private let kernel = LinuxKernel.shared

    /// The time from a client's connect to its answer, in microseconds, beside clients that stall; `nil` when there was
    /// none in time.
    func answerMicroseconds(beside stalled: Int, _ kind: Kind) throws(SocketError) -> Double? {
        var stalling: [FileDescriptor] = []
        defer { for socket in stalling { _ = kernel.close(socket) } }
        for _ in 0..<stalled {
            let socket = try makeSocket()
            stalling.append(socket)
            if kind == .unread { _ = kernel.setOption(.receiveBuffer, of: socket, to: 4096) }
            try connect(socket)
            if kind == .unread { flood(socket) }
        }
        let socket = try makeSocket()
        defer { _ = kernel.close(socket) }
        let start = kernel.now()
        try connect(socket)
        _ = cmodels_make_blocking(socket.rawValue)
        _ = cmodels_limit_waits(socket.rawValue, CInt(clamping: Int(patience / .milliseconds(1))))
        var bytes = Array("are you there?".utf8)
        // Safe, both: bytes have no padding, and the spans end with their calls.
        guard unsafe kernel.send(socket, bytes.span.bytes).succeeded else { return nil }
        var span = bytes.mutableSpan
        guard unsafe kernel.receive(socket, into: span.mutableBytes).rawValue > 0 else { return nil }
        return Double(kernel.now().nanoseconds - start.nanoseconds) / 1e3
    }

    private func makeSocket() throws(SocketError) -> FileDescriptor {
        let made = kernel.socket(.stream, for: address)
        if let errno = made.errno { throw SocketError(.open, subject: "\(address)", errno: errno) }
        return made.descriptor
    }

    private func connect(_ socket: FileDescriptor) throws(SocketError) {
        let result = kernel.connect(socket, to: address)
        // The server's backlog takes it, whatever the server does.
        if result.succeeded || wait(for: .writable, socket, .init(nanoseconds: 1_000_000_000)) { return }
        throw SocketError(.connect, subject: "\(address)", errno: result.errno ?? .timedOut)
    }

    /// Sends until the server takes no more.
    private func flood(_ socket: FileDescriptor) {
        for _ in 0..<Self.pieces {
            // Safe: bytes have no padding.
            let sent = unsafe kernel.send(socket, Self.piece.span.bytes)
            guard sent.succeeded || sent.wouldBlock else { return }
            if sent.wouldBlock, !wait(for: .writable, socket, Self.fullAfter) { return }
        }
    }

    private func wait(for interest: Interest, _ socket: FileDescriptor, _ time: WaitTimeout) -> Bool {
        var entry = [PollEntry(descriptor: socket.rawValue, events: Int16(interest.rawValue))]
        var span = entry.mutableSpan
        return kernel.poll(&span, timeout: time).rawValue > 0
    }
}
