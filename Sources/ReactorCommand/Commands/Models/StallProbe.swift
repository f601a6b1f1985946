// The effect of stalled clients on another client: some clients stall, then one more sends a message, and the time to
// its reply is measured. Blocking calls in this process are enough, because the client only waits.

import CServerModels
import Reactor
import SystemPackage

/// A probe of a server while other clients stall.
struct StallProbe {
    /// The way a client stalls.
    enum Kind: String, Encodable {
        /// It connects and sends nothing.
        case silent
        /// It sends and never reads the echo.
        case unread
    }

    let address: SocketAddress
    /// The time after which the reply counts as missing.
    let patience: Duration

    /// A piece of data, and the most pieces that a client sends without reading.
    private static let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 64 * 1024)
    private static let pieces = 1024
    /// The time without progress after which all buffers count as full.
    private static let fullAfter = WaitTimeout(nanoseconds: 60_000_000)
    private let kernel = LinuxKernel.shared

    /// Measures the time from a client's connect to its reply while other clients stall.
    ///
    /// - Parameters:
    ///   - stalled: the number of stalled clients.
    ///   - kind: the way they stall.
    /// - Returns: The time in microseconds; `nil` if no reply came in time.
    /// - Throws: `SocketError` when a socket cannot be opened or connected.
    func responseMicroseconds(beside stalled: Int, _ kind: Kind) throws(SocketError) -> Double? {
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
        // Safe, both calls: bytes have no padding, and the spans end with the calls.
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
        // The kernel completes the connection in the backlog, even if the server is stalled.
        if result.succeeded || wait(for: .writable, socket, .init(nanoseconds: 1_000_000_000)) { return }
        throw SocketError(.connect, subject: "\(address)", errno: result.errno ?? .timedOut)
    }

    /// Sends until the server accepts no more data.
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
