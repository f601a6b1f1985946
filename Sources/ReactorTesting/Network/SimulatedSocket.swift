// A TCP socket: its states, its readiness as poll(2) reports it, and its reaction to arriving bytes, ends and resets.
// It models net/ipv4/tcp.c (tcp_poll, tcp_recvmsg, tcp_reset) in outline.
//
//     fresh --bind--> fresh --listen--> listening
//       |
//       +--connect--> connecting --established---> connected --reset--> dead
//                         +------ refused, timed out ------------------> dead

import Reactor
import SystemPackage

/// A TCP socket of the simulated kernel.
final class SimulatedSocket: SimulatedEndpoint {
    enum Phase { case fresh, listening, connecting, connected, dead }

    var phase = Phase.fresh
    var peer = SocketAddress.unspecified
    var resetsOnClose = false
    /// Whether it is a stream that is not a socket.
    var isTerminal = false

    // For a Unix socket with a path.
    var inode: UInt64 = 0
    var permissions = FilePermissions(rawValue: 0o777)

    // For a listening socket.
    var backlog = 0
    /// Established connections that were not accepted yet.
    var accepting: [SimulatedSocket] = []

    // For a connecting socket.
    /// Whether connect(2) has reported that the socket is connected.
    var connectWasReported = false

    // For a connected socket.
    var incoming: SimulatedPipe?
    var outgoing: SimulatedPipe?
    private(set) var hasFinished = false
    /// Whether the owner has closed the socket; the kernel still sends what was written.
    private(set) var isAbandoned = false
    /// Whether a send or a poll found the buffer full: the next free space is an event (`SOCK_NOSPACE`).
    private var wantsRoom = false

    // MARK: Readiness

    override var readiness: Readiness {
        switch phase {
        case .fresh: return [.writable, .hangUp]
        case .connecting: return []
        case .listening: return accepting.isEmpty ? [] : .readable
        case .connected, .dead: break
        }
        var found: Readiness = []
        let isDead = phase == .dead
        let receivedAll = isDead || incoming!.hasEnded
        if receivedAll { found.formUnion([.readable, .peerClosed]) }
        if receivedAll && (isDead || hasFinished) { found.insert(.hangUp) }
        if let incoming, incoming.arrived > 0 { found.insert(.readable) }
        if pendingError != nil { found.insert(.error) }
        if isDead || hasFinished || hasRoom {
            found.insert(.writable)
        } else {
            wantsRoom = true
        }
        return found
    }

    /// Whether the socket is writable: a third of the buffer is free (`sk_stream_is_writeable`).
    private var hasRoom: Bool { outgoing!.unacknowledged * 3 <= sendBuffer * 2 }

    // MARK: Moving bytes

    /// Receives bytes (recv(2)); with `keeping`, leaves them in the buffer (`MSG_PEEK`).
    func receive(into target: UnsafeMutableRawBufferPointer, keeping: Bool = false) -> SystemResult {
        switch phase {
        case .fresh, .listening: return SystemResult(.socketNotConnected)
        case .connecting: return SystemResult(.resourceTemporarilyUnavailable)
        case .connected, .dead: break
        }
        if let incoming {
            if incoming.arrived > 0 {
                // Safe: the pipe writes within the bounds of the target, which the caller keeps valid.
                return SystemResult(unsafe keeping ? incoming.copy(into: target) : incoming.take(into: target))
            }
            if incoming.hasEnded { return SystemResult(0) }
        }
        if let error = takeError() { return SystemResult(error) }
        return phase == .dead ? SystemResult(0) : SystemResult(.resourceTemporarilyUnavailable)
    }

    /// Sends at most `limit` bytes (send(2)).
    func send(_ source: UnsafeRawBufferPointer, limit: Int = .max) -> SystemResult {
        if let error = takeError() { return SystemResult(error) }
        switch phase {
        case .fresh, .listening, .dead: return SystemResult(.brokenPipe)
        case .connecting: return SystemResult(.resourceTemporarilyUnavailable)
        case .connected: break
        }
        if hasFinished { return SystemResult(.brokenPipe) }
        let count = min(source.count, limit, outgoing!.room(sendBuffer))
        if count < source.count { wantsRoom = true }
        if count == 0 && source.count > 0 { return SystemResult(.resourceTemporarilyUnavailable) }
        // Safe: `count` is at most `source.count`, and the pipe copies the bytes.
        unsafe outgoing!.append(UnsafeRawBufferPointer(rebasing: source[..<count]))
        return SystemResult(count)
    }

    /// The number of bytes the peer has not acknowledged (`tcp_ioctl`, `unix_outq_len`).
    var unacknowledged: SystemResult {
        if phase == .listening { return SystemResult(.invalidArgument) }
        guard let outgoing else { return SystemResult(0) }
        return SystemResult(
            local.isUnix || peer.isUnix
                ? outgoing.held : outgoing.unacknowledged + (outgoing.endIsUnacknowledged ? 1 : 0))
    }

    /// Reports writability to a writer that found the buffer full, if there is enough room now.
    func spaceFreed() {
        guard wantsRoom, phase == .connected, hasRoom else { return }
        wantsRoom = false
        wake(.writable)
    }

    // MARK: Ends

    /// Half-closes the socket (shutdown(2), `SHUT_WR`).
    func finish() -> SystemResult {
        guard phase == .connected else { return SystemResult(.socketNotConnected) }
        if !hasFinished {
            hasFinished = true
            outgoing?.end()
            if incoming?.hasEnded == true { wake([.hangUp, .writable]) }
        }
        return SystemResult(0)
    }

    func endArrived() { wake(hasFinished ? [.readable, .peerClosed, .hangUp] : [.readable, .peerClosed]) }

    /// Sends a reset to the peer.
    func sendReset() {
        guard let outgoing else { return }
        let time = outgoing.arrivalOfReset()
        phase = .dead
        outgoing.dropUnsent()
        kernel.clock.at(time) { [weak outgoing] in outgoing?.reader?.receiveReset() }
    }

    /// Receives a reset, or gives up on the network. Bytes that have arrived can still be received.
    func receiveReset(_ errno: Errno = .connectionReset) {
        guard phase == .connected || phase == .connecting else { return }
        phase = .dead
        // After the peer's end of stream no receive is waiting: only a send can have failed (tcp_reset).
        pendingError = incoming?.hasEnded == true ? .brokenPipe : errno
        outgoing?.cut()
        incoming?.cut()
        wake(Readiness(rawValue: 0x201f))
    }

    /// Closes the socket: its last descriptor is gone.
    override func released() {
        let before = phase
        isAbandoned = true
        switch before {
        case .listening:
            kernel.stopListening(self)
            for socket in accepting { socket.reset() }
            accepting = []
        case .connected:
            if resetsOnClose || incoming!.arrived > 0 {
                reset()
            } else if !hasFinished {
                hasFinished = true
                outgoing?.end()
            }
        case .fresh, .connecting, .dead:
            phase = .dead
        }
    }

    /// Resets the connection from this side.
    func reset() {
        guard phase == .connected else { return }
        incoming?.cut()
        sendReset()
    }

    /// Breaks the reference cycles when the world is torn down.
    func forget() {
        incoming?.forget()
        outgoing?.forget()
        incoming = nil
        outgoing = nil
        accepting = []
        onWake = nil
    }
}
