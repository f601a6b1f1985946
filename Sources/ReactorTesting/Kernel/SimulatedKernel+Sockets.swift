// Socket calls: create, bind, listen, accept, send and receive.

package import Reactor
package import SystemPackage

extension SimulatedKernel {
    /// socket(2), for TCP, UDP and Unix sockets.
    package func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult {
        if let errno = fault(.socket) { return leave(.socket, -1, SystemResult(errno)) }
        return leave(.socket, -1, open(kind == .datagram ? newDatagramSocket(for: address) : newSocket()))
    }

    func newSocket() -> SimulatedSocket {
        let socket = SimulatedSocket(self)
        sockets.append(socket)
        return socket
    }

    /// bind(2).
    package func bind(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        if let errno = fault(.bind) { return leave(.bind, socket.rawValue, SystemResult(errno)) }
        let file = endpoint(socket, .bind)
        if let file = file as? SimulatedDatagramSocket {
            return leave(.bind, socket.rawValue, bindDatagrams(file, to: address))
        }
        guard let file = file as? SimulatedSocket else { return leave(.bind, socket.rawValue, notASocket(socket)) }
        if address.isUnix { return leave(.bind, socket.rawValue, bindUnix(file, to: address)) }
        var local = address
        if address.port == 0 {
            local.port = freePort()
        } else if listeners.contains(where: { $0.takes(address) }) || isTakenByClient(address) {
            return leave(.bind, socket.rawValue, SystemResult(.addressInUse))
        }
        file.local = local
        return leave(.bind, socket.rawValue, SystemResult(0))
    }

    /// Returns whether the port belongs to a socket that is connected to itself, and so to no listener.
    private func isTakenByClient(_ address: SocketAddress) -> Bool {
        sockets.contains {
            $0.local == address && $0.peer == address && $0.phase == .connected && !$0.isAbandoned
        }
    }

    func notASocket(_ descriptor: FileDescriptor) -> SystemResult {
        SystemResult(file(descriptor.rawValue) == nil ? .badFileDescriptor : .notSocket)
    }

    func freePort() -> UInt16 {
        repeat {
            nextPort = nextPort == .max ? 32_768 : nextPort + 1
        } while listeners.contains { $0.local.port == nextPort }
        return nextPort
    }

    /// listen(2).
    package func listen(_ socket: FileDescriptor, backlog: Int) -> SystemResult {
        if let errno = fault(.listen) { return leave(.listen, socket.rawValue, SystemResult(errno)) }
        guard let file = self.socket(socket, .listen) else {
            return leave(.listen, socket.rawValue, notASocket(socket))
        }
        if listeners.contains(where: { $0 !== file && $0.takes(file.local) }) {
            return leave(.listen, socket.rawValue, SystemResult(.addressInUse))
        }
        if file.phase == .fresh {
            file.phase = .listening
            listeners.append(file)
        }
        file.backlog = backlog < 0 ? 4096 : min(backlog, 4096)  // net.core.somaxconn; negative means the maximum
        return leave(.listen, socket.rawValue, SystemResult(0), argument: backlog)
    }

    func stopListening(_ socket: SimulatedSocket) { listeners.removeAll { $0 === socket } }

    /// accept4(2).
    package func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult {
        let errno = fault(.accept)
        guard let file = socket(listener, .accept) else {
            return leave(.accept, listener.rawValue, notASocket(listener))
        }
        if let errno {
            // A network error belongs to the connection that was to be accepted.
            if errno.faultClass == .peer, !file.accepting.isEmpty { file.accepting.removeFirst().reset() }
            if errno.faultClass == .wouldBlock || errno.faultClass == .peer { wakeLater(file, .readable) }
            return leave(.accept, listener.rawValue, SystemResult(errno))
        }
        guard file.phase == .listening else { return leave(.accept, listener.rawValue, SystemResult(.invalidArgument)) }
        guard let socket = file.accepting.first else {
            return leave(.accept, listener.rawValue, SystemResult(.resourceTemporarilyUnavailable))
        }
        let result = open(socket)
        if result.succeeded {
            spin.noteProgress()
            file.accepting.removeFirst()
            peer = socket.peer
        }
        return leave(.accept, listener.rawValue, result)
    }

    /// Wakes edge-triggered watchers again later, because a fault made the program believe that nothing was ready.
    func wakeLater(_ file: SimulatedFile, _ news: Readiness) {
        clock.after(delay()) { [weak file] in
            guard let file else { return }
            let now = file.readiness.intersection(news)
            if !now.isEmpty { file.wake(now) }
        }
    }

    /// getsockname(2).
    package func localAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        if let errno = fault(.localAddress) { return leave(.localAddress, socket.rawValue, SystemResult(errno)) }
        guard let file = endpoint(socket, .localAddress) else {
            return leave(.localAddress, socket.rawValue, notASocket(socket))
        }
        address = file.local
        return leave(.localAddress, socket.rawValue, SystemResult(0))
    }

    /// getpeername(2).
    package func peerAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        if let errno = fault(.peerAddress) { return leave(.peerAddress, socket.rawValue, SystemResult(errno)) }
        guard let file = self.socket(socket, .peerAddress) else {
            return leave(.peerAddress, socket.rawValue, notASocket(socket))
        }
        guard file.phase == .connected else {
            return leave(.peerAddress, socket.rawValue, SystemResult(.socketNotConnected))
        }
        address = file.peer
        return leave(.peerAddress, socket.rawValue, SystemResult(0))
    }

    /// setsockopt(2). Records the value; `SO_SNDBUF` and `SO_RCVBUF` set the buffer sizes.
    package func setOption(_ option: SocketOption, of socket: FileDescriptor, to value: Int) -> SystemResult {
        if let errno = fault(.setOption) { return leave(.setOption, socket.rawValue, SystemResult(errno)) }
        guard let file = endpoint(socket, .setOption) else {
            return leave(.setOption, socket.rawValue, notASocket(socket))
        }
        file.options[option] = value
        if option == .sendBuffer { file.sendBuffer = SimulatedEndpoint.bufferSize(value) }
        if option == .receiveBuffer { file.receiveBuffer = SimulatedEndpoint.bufferSize(value) }
        return leave(.setOption, socket.rawValue, SystemResult(0), argument: value)
    }

    /// Returns the value of a socket option as set by the program or inherited from the listener; `nil` when it was
    /// never set.
    package func option(_ option: SocketOption, of socket: FileDescriptor) -> Int? {
        (file(socket.rawValue) as? SimulatedEndpoint)?.options[option]
    }

    /// setsockopt(2) with `SO_LINGER` and a linger time of zero.
    package func setResetOnClose(_ socket: FileDescriptor) -> SystemResult {
        if let errno = fault(.setResetOnClose) { return leave(.setResetOnClose, socket.rawValue, SystemResult(errno)) }
        guard let file = self.socket(socket, .setResetOnClose) else {
            return leave(.setResetOnClose, socket.rawValue, notASocket(socket))
        }
        file.resetsOnClose = !file.local.isUnix  // Unix sockets ignore SO_LINGER
        return leave(.setResetOnClose, socket.rawValue, SystemResult(0))
    }

    /// getsockopt(2) with `SO_ERROR`.
    package func pendingError(of socket: FileDescriptor) -> SystemResult {
        if let errno = fault(.pendingError) { return leave(.pendingError, socket.rawValue, SystemResult(errno)) }
        guard let file = endpoint(socket, .pendingError) else {
            return leave(.pendingError, socket.rawValue, notASocket(socket))
        }
        return leave(.pendingError, socket.rawValue, SystemResult(Int(file.takeError()?.rawValue ?? 0)))
    }

    /// recv(2).
    package func receive(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        let errno = fault(.receive)
        guard let file = self.socket(socket, .receive) else {
            return leave(.receive, socket.rawValue, notASocket(socket))
        }
        if let errno {
            spoilReceive(file, errno)
            return leave(.receive, socket.rawValue, SystemResult(errno))
        }
        if let incoming = file.incoming, incoming.canBeLate, random.chance(faults.shortTransfer) {
            incoming.delayAll(but: random.number(in: 1...max(1, incoming.arrived)))
        }
        let capacity = buffer.byteCount
        // Safe: the callee writes within the bounds of the buffer, which outlives the call.
        let result = unsafe buffer.withUnsafeMutableBytes { unsafe file.receive(into: $0) }
        if result.succeeded { spin.noteProgress() }
        return leave(.receive, socket.rawValue, result, argument: capacity)
    }

    /// recv(2) with `MSG_PEEK`.
    package func peek(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        let errno = fault(.peek)
        guard let file = self.socket(socket, .peek) else { return leave(.peek, socket.rawValue, notASocket(socket)) }
        if let errno {
            spoilReceive(file, errno)
            return leave(.peek, socket.rawValue, SystemResult(errno))
        }
        let capacity = buffer.byteCount
        // Safe: the callee writes within the bounds of the buffer, which outlives the call.
        let result = unsafe buffer.withUnsafeMutableBytes { unsafe file.receive(into: $0, keeping: true) }
        return leave(.peek, socket.rawValue, result, argument: capacity)
    }

    /// Makes the world agree with an injected receive error.
    private func spoilReceive(_ file: SimulatedSocket, _ errno: Errno) {
        switch errno.faultClass {
        case .wouldBlock:
            if let incoming = file.incoming, incoming.canBeLate {
                incoming.delayAll(but: 0)
            } else {
                wakeLater(file, [.readable, .peerClosed])
            }
        case .peer:
            file.receiveReset(errno)
            file.pendingError = nil
        default: break
        }
    }

    /// send(2).
    package func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        let errno = fault(.send)
        guard let file = self.socket(socket, .send) else { return leave(.send, socket.rawValue, notASocket(socket)) }
        if let errno {
            if errno.faultClass == .wouldBlock { wakeLater(file, .writable) }
            if errno.faultClass == .peer {
                file.receiveReset(errno)
                file.pendingError = nil
            }
            return leave(.send, socket.rawValue, SystemResult(errno), argument: bytes.byteCount)
        }
        var limit = Int.max
        if bytes.byteCount > 1, random.chance(faults.shortTransfer) {
            limit = random.number(in: 1...bytes.byteCount - 1)
            wakeLater(file, .writable)
        }
        // Safe: the callee copies the bytes while they are borrowed.
        let result = unsafe bytes.withUnsafeBytes { unsafe file.send($0, limit: limit) }
        if result.succeeded { spin.noteProgress() }
        return leave(.send, socket.rawValue, result, argument: bytes.byteCount)
    }

    /// ioctl(2) with `SIOCOUTQ`: the number of bytes that have not reached the peer's receive buffer, plus one for an
    /// end of stream behind them. For a Unix socket, the number of bytes the peer has not received.
    package func unacknowledged(of socket: FileDescriptor) -> SystemResult {
        if let errno = fault(.unacknowledged) { return leave(.unacknowledged, socket.rawValue, SystemResult(errno)) }
        guard let file = self.socket(socket, .unacknowledged) else {
            return leave(.unacknowledged, socket.rawValue, notASocket(socket))
        }
        return leave(.unacknowledged, socket.rawValue, file.unacknowledged)
    }

    /// shutdown(2) with `SHUT_WR`.
    package func shutdownWriting(_ socket: FileDescriptor) -> SystemResult {
        if let errno = fault(.shutdown) { return leave(.shutdown, socket.rawValue, SystemResult(errno)) }
        guard let file = self.socket(socket, .shutdown) else {
            return leave(.shutdown, socket.rawValue, notASocket(socket))
        }
        spin.noteProgress()
        return leave(.shutdown, socket.rawValue, file.finish())
    }
}
