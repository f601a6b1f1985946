// A connect on its way: the socket is ours, the handshake is the kernel's. What becomes of the connected socket is the
// caller's business.
//
//     waiting --timer: is there room in the accept queue of a Unix socket?--+   (it answers EAGAIN: connect(2))
//         |                                                                 |
//         v <---------------------------------------------------------------+
//     connecting --writable, connect says connected--> handed over
//         |------ the same, but to itself -----------> failed (refused)
//         |------ writable, connect says why not ----> failed
//         |------ timer -----------------------------> failed (timed out)
//         +------ cancel() --------------------------> gone, nobody is told

import SystemPackage

/// An attempt to connect. Made by ``EventLoop/connect(to:from:timeout:limits:handler:failed:)``.
public final class Connector: EventSource {
    /// Where to.
    public let address: SocketAddress
    private var descriptor: OwnedDescriptor?
    private var timer: Timer?
    private var retryTimer: Timer?
    /// The descriptor was closed by someone else, and the caller does not know yet.
    private var isLost = false
    private var retryPause = Duration.milliseconds(1)
    private let connected: (Connector, consuming OwnedDescriptor) -> Void
    private let failed: (SocketError) -> Void

    init(
        loop: EventLoop, to address: SocketAddress, from local: SocketAddress?, timeout: Duration, limits: Limits,
        connected: @escaping (Connector, consuming OwnedDescriptor) -> Void, failed: @escaping (SocketError) -> Void
    ) throws(SocketError) {
        let kernel = loop.kernel
        if address == .unnamedUnix {
            throw SocketError(
                .connect, subject: "a Unix socket without a name", reason: "a name is needed to reach it")
        }
        let made = kernel.socket(.stream, for: address)
        if let errno = made.errno { throw SocketError(.open, subject: "\(address)", errno: errno) }
        let socket = OwnedDescriptor(made.descriptor)
        var isWaiting = false
        do throws(SocketError) {
            try loop.checkCapacity(for: socket.name)
            try limits.apply(to: socket.name, kernel, for: address, isListener: false)
            // A Unix socket without a name is what it is already; binding it would have the kernel choose a name.
            if let local, local != .unnamedUnix {
                if local.port == 0 { _ = kernel.setOption(.bindAddressNoPort, of: socket.name, to: 1) }
                if let errno = kernel.bind(socket.name, to: local).errno {
                    throw SocketError(.listen, subject: "\(local)", errno: errno)
                }
            }
            switch Self.begin(kernel, socket.name, to: address) {
            case nil: break
            case .resourceTemporarilyUnavailable? where address.isUnix: isWaiting = true
            case let errno?: throw SocketError(.connect, subject: "\(address)", errno: errno)
            }
        } catch {
            socket.close(kernel)
            throw error
        }
        let name = socket.name
        descriptor = consume socket
        self.address = address
        self.connected = connected
        self.failed = failed
        super.init(loop: loop, name: name)
        loop.register(self, wanting: isWaiting ? [] : .writable)
        if isWaiting { retryLater() }
        timer = loop.schedule(after: timeout) { [unowned self] in fail(.timedOut) }
    }

    /// Gives up, if it is still on its way. Nobody is told.
    public func cancel() {
        isLost = false
        guard isRegistered else { return }
        if let timer { loop.cancel(timer) }
        if let retryTimer { loop.cancel(retryTimer) }
        loop.deregister(self, closesAlone: true)
        descriptor.take()?.close(loop.kernel)
    }

    /// Begins to connect; answers why not.
    private static func begin(_ kernel: any SystemCalls, _ socket: FileDescriptor, to address: SocketAddress) -> Errno?
    {
        // A Unix socket is connected at once or not at all. Another connect, interrupted, goes on by itself and is not
        // begun again (connect(2), EINTR).
        let result =
            address.isUnix
            ? retryingInterrupts { kernel.connect(socket, to: address) } : kernel.connect(socket, to: address)
        switch result.errno {
        case nil, .nowInProgress?, .interrupted?, .socketIsConnected?: return nil
        case let errno?: return errno
        }
    }

    /// The accept queue of a Unix socket was full: no event will tell when it has room.
    private func retryLater() {
        retryTimer = loop.schedule(after: retryPause) { [unowned self] in
            retryTimer = nil
            switch Self.begin(loop.kernel, name, to: address) {
            case nil: loop.setInterest(.writable, of: self)
            case .resourceTemporarilyUnavailable?: retryLater()
            case let errno?: fail(errno)
            }
        }
        retryPause = min(retryPause * 2, .milliseconds(100))
    }

    override func ready(_ readiness: Readiness) {
        if retryTimer != nil { return }  // that it is not connected, unasked
        // Asking again says how it went, and sees through spurious readiness: EALREADY is "not yet". A Unix socket that was
        // begun is connected, and asked again it may answer that the queue is full.
        let result =
            address.isUnix ? SystemResult(0) : retryingInterrupts { loop.kernel.connect(name, to: address) }
        switch result.errno {
        case nil, .socketIsConnected:
            if isConnectedToItself {
                // Without the reset, the port would be kept from its server until the kernel has forgotten the connection.
                _ = loop.kernel.setResetOnClose(name)
                return fail(.connectionRefused)
            }
            guard let descriptor = descriptor.take() else { return }
            if let timer { loop.cancel(timer) }
            connected(self, descriptor)
        case .alreadyInProcess, .nowInProgress:
            // Edge-triggered, the edge that counts is still to come.
            return
        case let errno?:
            fail(errno)
        }
    }

    /// Whether both ends are this socket: no server listens, and the kernel chose the destination's port as this side's,
    /// so that its own request came back (simultaneous open, RFC 9293, 3.5).
    private var isConnectedToItself: Bool {
        var (local, peer) = (SocketAddress.unspecified, SocketAddress.unspecified)
        guard !address.isUnix, loop.kernel.localAddress(of: name, &local).succeeded, local.port == address.port else {
            return false
        }
        return loop.kernel.peerAddress(of: name, &peer).succeeded && local == peer
    }

    override func registrationFailed(_ errno: Errno) { fail(errno) }

    override func loopEnded() { cancel() }

    override func descriptorLost() {
        _ = descriptor.take()?.release()
        for timer in [timer, retryTimer] { if let timer { loop.cancel(timer) } }
        isLost = true
        loop.execute { [self] in if isLost { fail(.badFileDescriptor, .watch) } }
    }

    private func fail(_ errno: Errno, _ operation: SocketError.Operation = .connect) {
        cancel()
        loop.trace?.callback("connect to \(address) failed")
        failed(SocketError(operation, subject: "\(address)", errno: errno))
        loop.callbackReturned(named: "failed connect to \(address)")
    }
}
