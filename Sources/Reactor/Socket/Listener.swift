// A listening socket: binds, accepts within a budget, and survives a shortage of descriptors. Its delegate decides what
// becomes of an accepted connection.
//
//     listening --EMFILE, ENFILE, ENOBUFS, ENOMEM--> paused (10 ms, doubling to 1 s) --timer--> listening
//         ^                                                                               |
//         +------------------------ an accept succeeds: the next pause is 10 ms again ----+

import SystemPackage

/// Receives the connections that a listener accepts.
protocol ListenerDelegate: AnyObject {
    func accepted(_ descriptor: consuming OwnedDescriptor, from peer: SocketAddress)
}

/// A listening socket on an event loop.
///
/// Created by ``EventLoop/listen(on:limits:handler:)-(SocketAddress,_,_)``.
public final class Listener: EventSource {
    private static let firstPause = Duration.milliseconds(10)
    private static let longestPause = Duration.seconds(1)
    /// Connections refused with the reserve descriptor before each pause.
    private static let politeRefusals = 16

    /// The listening address, with the port that the kernel chose for 0.
    public let address: SocketAddress
    /// Decides what becomes of an accepted connection.
    let delegate: any ListenerDelegate
    private var acceptsPerTurn: Int
    private var descriptor: OwnedDescriptor?
    private var isQueued = false
    private var pause = Listener.firstPause
    private var pauseTimer: LoopTimer?
    /// The path of a Unix socket, removed when the listener closes.
    private var path: UnixSocketPath?

    /// Creates a listening socket.
    convenience init(
        loop: EventLoop, on wanted: SocketAddress, settings: SocketSettings, delegate: any ListenerDelegate
    ) throws(SocketError) {
        var (address, path) = (wanted, UnixSocketPath?.none)
        let socket = try Self.open(on: &address, path: &path, settings, loop.kernel)
        try self.init(loop: loop, adopting: socket, at: address, path: path, settings: settings, delegate: delegate)
    }

    /// Opens a listening socket.
    ///
    /// - Parameters:
    ///   - address: the address to bind to; set to the actual one, with the port that the kernel chose.
    ///   - path: set to the path of a Unix socket.
    ///   - sharing: whether other sockets listen on the same address (`SO_REUSEPORT`).
    /// - Returns: The socket.
    /// - Throws: ``SocketError`` that names the address.
    static func open(
        on address: inout SocketAddress, path: inout UnixSocketPath?, _ settings: SocketSettings,
        _ kernel: any SystemCalls, sharing: Bool = false
    ) throws(SocketError) -> OwnedDescriptor {
        let wanted = address
        try checkName(wanted)
        let made = kernel.socket(.stream, for: wanted)
        if let errno = made.errno { throw SocketError(.open, subject: "\(wanted)", errno: errno) }
        let socket = OwnedDescriptor(made.descriptor)
        do throws(SocketError) {
            try settings.apply(to: socket.fd, kernel, for: wanted)
            if sharing, let errno = kernel.setOption(.reusePort, of: socket.fd, to: 1).errno {
                throw SocketError(.configure, subject: "\(wanted)", errno: errno)
            }
            if let unixPath = wanted.unixPath {
                path = try UnixSocketPath.listen(
                    socket.fd, on: wanted, at: unixPath, permissions: settings.unixPermissions,
                    backlog: settings.backlog, kernel)
            } else {
                for result in [
                    kernel.bind(socket.fd, to: wanted), kernel.listen(socket.fd, backlog: settings.backlog),
                    kernel.localAddress(of: socket.fd, &address),
                ] {
                    if let errno = result.errno { throw SocketError(.listen, subject: "\(wanted)", errno: errno) }
                }
            }
        } catch {
            socket.close(kernel)
            throw error
        }
        return socket
    }

    /// Rejects names of Unix sockets that the kernel accepts but that are unsuitable for a server.
    private static func checkName(_ address: SocketAddress) throws(SocketError) {
        if address == .unnamedUnix {
            // The kernel would choose an abstract name (unix(7), "Autobind feature"), to which every user of the
            // machine may connect. An unnamed address usually is a peer's, passed by mistake.
            throw SocketError(
                .listen, subject: "a Unix socket without a name", reason: "write unix:/PATH or unix:@NAME")
        }
        guard case .unix(let name) = address.storage, name.first != 0, name.count > SocketAddress.longestServerPath
        else { return }
        throw SocketError(
            .listen, subject: "\(address)",
            reason: "the path has \(name.count) bytes, a server's has at most \(SocketAddress.longestServerPath)")
    }

    /// Takes over a socket that already listens, and the path that is to be removed with it, if any.
    init(
        loop: EventLoop, adopting socket: consuming OwnedDescriptor, at address: SocketAddress,
        path: UnixSocketPath? = nil, settings: SocketSettings, delegate: any ListenerDelegate
    ) throws(SocketError) {
        do throws(SocketError) {
            try loop.checkCapacity(for: socket.fd)
        } catch {
            path?.remove(loop.kernel)
            socket.close(loop.kernel)
            throw error
        }
        loop.restoreReserve()
        let fd = socket.fd
        descriptor = consume socket
        self.address = address
        self.path = path
        self.delegate = delegate
        acceptsPerTurn = settings.acceptsPerTurn
        super.init(loop: loop, fd: fd)
        loop.register(self, wanting: .readable)
    }

    /// Applies new settings to connections accepted from now on: socket options, backlog, accepts per turn.
    ///
    /// - Throws: ``SocketError`` when the system refuses one of them; earlier ones stay in effect.
    func replaceSettings(_ settings: SocketSettings) throws(SocketError) {
        guard isRegistered else { return }
        acceptsPerTurn = settings.acceptsPerTurn
        try Self.configure(fd, at: address, settings, loop.kernel)
    }

    /// Applies settings to a socket that already listens, replacing earlier ones.
    static func configure(
        _ socket: FileDescriptor, at address: SocketAddress, _ settings: SocketSettings, _ kernel: any SystemCalls
    ) throws(SocketError) {
        try settings.apply(to: socket, kernel, for: address, replacing: true)
        if let errno = kernel.listen(socket, backlog: settings.backlog).errno {
            throw SocketError(.configure, subject: "\(address)", errno: errno)
        }
    }

    /// Leaves the path of a Unix socket to another process that shares the listening socket.
    func leavePath() { path = nil }

    /// Takes ownership of the Unix socket's path, if it exists.
    func takePath() {
        if let unixPath = address.unixPath, isRegistered { path = UnixSocketPath(takingOver: unixPath, loop.kernel) }
    }

    /// Stops listening.
    ///
    /// Accepted connections are not affected; the kernel resets those still in the backlog. The path of a Unix socket
    /// is removed, unless another server has replaced it.
    public func close() {
        guard isRegistered else { return }
        path?.remove(loop.kernel)
        path = nil
        if let pauseTimer { loop.cancel(pauseTimer) }
        loop.deregister(self, closesAlone: true)
        descriptor.take()?.close(loop.kernel)
    }

    override func loopEnded() { close() }

    override func descriptorLost() {
        _ = descriptor.take()?.release()
        path?.remove(loop.kernel)
        path = nil
        if let pauseTimer { loop.cancel(pauseTimer) }
        loop.report(.descriptorLost, "\(SocketError(.watch, subject: "\(address)", errno: .badFileDescriptor))")
    }

    override func registrationFailed(_ errno: Errno) {
        pauseAccepting(errno)
        // If the pause itself was refused, the selector still reports incoming connections; removal needs no memory.
        loop.registry.muteIfUnwanted(token, in: loop.selector)
    }

    // MARK: Accepting

    /// Queues the listener, so that established connections are served before incoming ones.
    override func ready(_ readiness: Readiness) {
        if isQueued || pauseTimer != nil { return }  // edge-triggered: reported even while paused
        isQueued = true
        loop.listenersReady.append(self)
    }

    override func readyAfterOthers() {
        isQueued = false
        for _ in 0..<acceptsPerTurn {
            var peer = SocketAddress.unspecified
            let result = retryingInterrupts { loop.kernel.accept(fd, peer: &peer) }
            if let errno = result.errno {
                switch errno.faultClass {
                case .wouldBlock: return
                case .peer: continue  // that connection is already gone; go on with the next
                default: return pauseAccepting(errno)
                }
            }
            pause = Self.firstPause
            delegate.accepted(OwnedDescriptor(result.descriptor), from: peer)
            if !isRegistered { return }
        }
        // Level-triggered selectors report the rest of the backlog by themselves.
        if loop.isEdgeTriggered { loop.redispatch(self, .readable) }
    }

    /// Handles a shortage of descriptors or memory: closes some incoming connections, and pauses accepting.
    private func pauseAccepting(_ errno: Errno) {
        loop.counters.acceptPauses += 1
        loop.report(
            .outOfResources,
            "\(SocketError(.accept, subject: "\(address)", errno: errno)) (accepting pauses for \(pause))")
        if errno == .tooManyOpenFiles || errno == .tooManyOpenFilesInSystem { refuseWithReserve() }
        loop.setInterest([], of: self)
        if let pauseTimer { loop.cancel(pauseTimer) }
        pauseTimer = loop.schedule(after: pause) { [unowned self] in
            pauseTimer = nil
            loop.restoreReserve()
            loop.setInterest(.readable, of: self)
            if loop.isEdgeTriggered { loop.redispatch(self, .readable) }
        }
        pause = min(pause * 2, Self.longestPause)
    }

    /// Accepts and closes connections with the reserve descriptor, so that clients see an end of stream instead of a
    /// hang.
    private func refuseWithReserve() {
        for _ in 0..<Self.politeRefusals {
            guard let reserve = loop.reserve.take() else { break }
            reserve.close(loop.kernel)
            var peer = SocketAddress.unspecified
            let result = retryingInterrupts { loop.kernel.accept(fd, peer: &peer) }
            if result.succeeded {
                OwnedDescriptor(result.descriptor).close(loop.kernel)
                loop.countRefusal(.descriptors)
            }
            loop.restoreReserve()
            if !result.succeeded { break }
        }
    }
}

extension EventLoop {
    /// Opens the reserve descriptor, if possible.
    fileprivate func restoreReserve() {
        if reserve != nil { return }
        let made = kernel.reserveDescriptor()
        if made.succeeded { reserve = OwnedDescriptor(made.descriptor) }
    }
}
