// A listening socket: binds, accepts within a budget, and gets by when descriptors run out. What becomes of an accepted
// connection is its delegate's business.
//
//     listening --EMFILE, ENFILE, ENOBUFS, ENOMEM--> paused (10 ms, doubling to 1 s) --timer--> listening
//         ^                                                                               |
//         +------------------------- an accept succeeds: the pause is 10 ms again --------+

import SystemPackage

/// Takes over what a listener accepts.
protocol ListenerDelegate: AnyObject {
    func accepted(_ descriptor: consuming OwnedDescriptor, from peer: SocketAddress)
}

/// A listening socket on an event loop. Made by ``EventLoop/listen(on:limits:handler:)-(SocketAddress,_,_)``.
public final class Listener: EventSource {
    private static let firstPause = Duration.milliseconds(10)
    private static let longestPause = Duration.seconds(1)
    /// Connections refused with the reserve descriptor before a pause.
    private static let politeRefusals = 16

    /// Where it listens, with the real port where 0 was asked for.
    public let address: SocketAddress
    /// What its connections may use up.
    public private(set) var limits: Limits
    private var acceptsPerTurn: Int
    private let delegate: any ListenerDelegate
    private var descriptor: OwnedDescriptor?
    private var isQueued = false
    private var pause = Listener.firstPause
    private var pauseTimer: Timer?
    /// The path that a Unix socket was given, and that goes with it.
    private var path: UnixSocketPath?

    /// Binds and listens.
    convenience init(
        loop: EventLoop, on wanted: SocketAddress, limits: Limits, delegate: any ListenerDelegate
    ) throws(SocketError) {
        var (address, path) = (wanted, UnixSocketPath?.none)
        let socket = try Self.open(on: &address, path: &path, limits, loop.kernel)
        try self.init(loop: loop, adopting: socket, at: address, path: path, limits: limits, delegate: delegate)
    }

    /// Makes a socket that listens.
    ///
    /// - Parameters:
    ///   - address: where; set to where it does, with the real port.
    ///   - path: set to the path of a Unix socket.
    ///   - sharing: whether other sockets listen there too (`SO_REUSEPORT`).
    static func open(
        on address: inout SocketAddress, path: inout UnixSocketPath?, _ limits: Limits, _ kernel: any SystemCalls,
        sharing: Bool = false
    ) throws(SocketError) -> OwnedDescriptor {
        let wanted = address
        try checkName(wanted)
        let made = kernel.socket(.stream, for: wanted)
        if let errno = made.errno { throw SocketError(.open, subject: "\(wanted)", errno: errno) }
        let socket = OwnedDescriptor(made.descriptor)
        do throws(SocketError) {
            try limits.apply(to: socket.name, kernel, for: wanted)
            if sharing, let errno = kernel.setOption(.reusePort, of: socket.name, to: 1).errno {
                throw SocketError(.configure, subject: "\(wanted)", errno: errno)
            }
            if let unixPath = wanted.unixPath {
                path = try UnixSocketPath.listen(
                    socket.name, on: wanted, at: unixPath, permissions: limits.unixPermissions,
                    backlog: limits.effectiveBacklog, kernel)
            } else {
                for result in [
                    kernel.bind(socket.name, to: wanted), kernel.listen(socket.name, backlog: limits.effectiveBacklog),
                    kernel.localAddress(of: socket.name, &address),
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

    /// Refuses names of Unix sockets that the kernel takes and a server should not have.
    private static func checkName(_ address: SocketAddress) throws(SocketError) {
        if address == .unnamedUnix {
            // The kernel would choose an abstract name (unix(7), "Autobind feature"), which every user of the machine may
            // connect to; and an address without a name is a peer's, used by mistake.
            throw SocketError(
                .listen, subject: "a Unix socket without a name", reason: "write unix:/PATH or unix:@NAME")
        }
        guard case .unix(let name) = address.storage, name.first != 0, name.count > SocketAddress.longestServerPath
        else { return }
        throw SocketError(
            .listen, subject: "\(address)",
            reason: "the path has \(name.count) bytes, a server's has at most \(SocketAddress.longestServerPath)")
    }

    /// Takes over a socket that listens already, and its path, if that is to go with it.
    init(
        loop: EventLoop, adopting socket: consuming OwnedDescriptor, at address: SocketAddress,
        path: UnixSocketPath? = nil, limits: Limits, delegate: any ListenerDelegate
    ) throws(SocketError) {
        do throws(SocketError) {
            try loop.checkCapacity(for: socket.name)
        } catch {
            path?.remove(loop.kernel)
            socket.close(loop.kernel)
            throw error
        }
        loop.restoreReserve()
        let name = socket.name
        descriptor = consume socket
        self.address = address
        self.path = path
        self.limits = limits
        self.delegate = delegate
        acceptsPerTurn = max(1, limits.acceptsPerTurn)
        super.init(loop: loop, name: name)
        loop.register(self, wanting: .readable)
    }

    /// Has new limits hold for what is accepted from now on: options of the socket, backlog, accepts a turn.
    ///
    /// - Throws: ``SocketError`` when the system refuses one of them; those before it hold.
    func replaceLimits(_ limits: Limits) throws(SocketError) {
        guard isRegistered else { return }
        self.limits = limits
        acceptsPerTurn = max(1, limits.acceptsPerTurn)
        try Self.configure(name, at: address, limits, loop.kernel)
    }

    /// Has limits hold for a socket that listens already, whatever was set before.
    static func configure(
        _ socket: FileDescriptor, at address: SocketAddress, _ limits: Limits, _ kernel: any SystemCalls
    ) throws(SocketError) {
        try limits.apply(to: socket, kernel, for: address, replacing: true)
        if let errno = kernel.listen(socket, backlog: limits.effectiveBacklog).errno {
            throw SocketError(.configure, subject: "\(address)", errno: errno)
        }
    }

    /// Leaves the path of a Unix socket to another process that listens with the same socket.
    func leavePath() { path = nil }

    /// Owns the path of a Unix socket from now on, if it is there.
    func takePath() {
        if let unixPath = address.unixPath, isRegistered { path = UnixSocketPath(takingOver: unixPath, loop.kernel) }
    }

    /// Stops listening. Connections that were accepted are not concerned; those that the kernel had completed but this
    /// listener had not accepted are reset. The path of a Unix socket is removed, if it is still this one's.
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
        // If it was the pause that was refused, the selector still tells of newcomers; taking out needs no memory.
        loop.registry.muteIfUnwanted(token, in: loop.selector)
    }

    // MARK: Accepting

    /// Newcomers wait until those that are connected have had their turn.
    override func ready(_ readiness: Readiness) {
        if isQueued || pauseTimer != nil { return }  // edge-triggered, newcomers are told although accepting pauses
        isQueued = true
        loop.listenersReady.append(self)
    }

    override func readyAfterOthers() {
        isQueued = false
        for _ in 0..<acceptsPerTurn {
            var peer = SocketAddress.unspecified
            let result = retryingInterrupts { loop.kernel.accept(name, peer: &peer) }
            if let errno = result.errno {
                switch errno.faultClass {
                case .wouldBlock: return
                case .peer: continue  // that connection is gone already; the next one is not
                default: return pauseAccepting(errno)
                }
            }
            pause = Self.firstPause
            delegate.accepted(OwnedDescriptor(result.descriptor), from: peer)
            if !isRegistered { return }
        }
        // Level-triggered, the kernel tells again by itself.
        if loop.isEdgeTriggered { loop.lookAgain(at: self, .readable) }
    }

    /// Descriptors or memory ran out: refuse some politely, and look again later.
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
            if loop.isEdgeTriggered { loop.lookAgain(at: self, .readable) }
        }
        pause = min(pause * 2, Self.longestPause)
    }

    /// Spends the reserve descriptor on accepting: the client sees an end of stream, and not a wait without end.
    private func refuseWithReserve() {
        for _ in 0..<Self.politeRefusals {
            guard let reserve = loop.reserve.take() else { break }
            reserve.close(loop.kernel)
            var peer = SocketAddress.unspecified
            let result = retryingInterrupts { loop.kernel.accept(name, peer: &peer) }
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
    /// Sees to it that there is a descriptor in reserve, if one can be had.
    fileprivate func restoreReserve() {
        if reserve != nil { return }
        let made = kernel.reserveDescriptor()
        if made.succeeded { reserve = OwnedDescriptor(made.descriptor) }
    }
}
