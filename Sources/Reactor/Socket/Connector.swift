// A pending connect: the socket belongs to the connector, the handshake to the kernel. The caller decides what becomes
// of the connected socket.
//
//     waiting --timer: retry, the accept queue of the Unix socket was full--+   (EAGAIN, connect(2))
//         |                                                                 |
//         v <---------------------------------------------------------------+
//     connecting --writable, connected-----------> handed over
//         |------ writable, connected to itself -> failed (refused)
//         |------ writable, connect(2) fails ----> failed
//         |------ timer -------------------------> failed (timed out)
//         +------ cancel() ----------------------> cancelled (no callback)

import SystemPackage

/// A pending connection to one address.
///
/// Created by ``EventLoop/connect(to:from:timeout:limits:handler:failed:)``.
public final class Connector: EventSource {
    /// The address to connect to.
    public let address: SocketAddress
    private var descriptor: OwnedDescriptor?
    private var timer: LoopTimer?
    private var retryTimer: LoopTimer?
    /// Whether foreign code closed the descriptor and the caller has not been notified yet.
    private var isLost = false
    private var retryPause = Duration.milliseconds(1)
    private let connected: (Connector, consuming OwnedDescriptor) -> Void
    private let failed: (SocketError) -> Void

    init(
        loop: EventLoop, to address: SocketAddress, from local: SocketAddress?, timeout: Duration,
        settings: SocketSettings, connected: @escaping (Connector, consuming OwnedDescriptor) -> Void,
        failed: @escaping (SocketError) -> Void
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
            try loop.checkCapacity(for: socket.fd)
            try settings.apply(to: socket.fd, kernel, for: address, isListener: false)
            // An unnamed Unix socket needs no bind; bind(2) would make the kernel choose an abstract name (autobind).
            if let local, local != .unnamedUnix {
                if local.port == 0 { _ = kernel.setOption(.bindAddressNoPort, of: socket.fd, to: 1) }
                if let errno = kernel.bind(socket.fd, to: local).errno {
                    throw SocketError(.listen, subject: "\(local)", errno: errno)
                }
            }
            switch Self.begin(kernel, socket.fd, to: address) {
            case nil: break
            case .resourceTemporarilyUnavailable? where address.isUnix: isWaiting = true
            case let errno?: throw SocketError(.connect, subject: "\(address)", errno: errno)
            }
        } catch {
            socket.close(kernel)
            throw error
        }
        let fd = socket.fd
        descriptor = consume socket
        self.address = address
        self.connected = connected
        self.failed = failed
        super.init(loop: loop, fd: fd)
        loop.register(self, wanting: isWaiting ? [] : .writable)
        if isWaiting { retryLater() }
        timer = loop.schedule(after: timeout) { [unowned self] in fail(.timedOut) }
    }

    /// Cancels the attempt if it is still pending. No callback is called.
    public func cancel() {
        isLost = false
        guard isRegistered else { return }
        if let timer { loop.cancel(timer) }
        if let retryTimer { loop.cancel(retryTimer) }
        loop.deregister(self, closesAlone: true)
        descriptor.take()?.close(loop.kernel)
    }

    /// Starts connecting.
    ///
    /// - Returns: The error, or `nil` when the socket is connected or the handshake has begun.
    private static func begin(_ kernel: any SystemCalls, _ socket: FileDescriptor, to address: SocketAddress) -> Errno?
    {
        // A Unix socket connects at once or not at all. An interrupted TCP connect continues in the kernel and must not
        // be restarted (connect(2), EINTR).
        let result =
            address.isUnix
            ? retryingInterrupts { kernel.connect(socket, to: address) } : kernel.connect(socket, to: address)
        switch result.errno {
        case nil, .nowInProgress?, .interrupted?, .socketIsConnected?: return nil
        case let errno?: return errno
        }
    }

    /// Retries after a pause, because no event reports when a full accept queue of a Unix socket has room.
    private func retryLater() {
        retryTimer = loop.schedule(after: retryPause) { [unowned self] in
            retryTimer = nil
            switch Self.begin(loop.kernel, fd, to: address) {
            case nil: loop.setInterest(.writable, of: self)
            case .resourceTemporarilyUnavailable?: retryLater()
            case let errno?: fail(errno)
            }
        }
        retryPause = min(retryPause * 2, .milliseconds(100))
    }

    override func ready(_ readiness: Readiness) {
        if retryTimer != nil { return }  // an unconnected socket reports a hang-up
        // A second connect(2) returns the outcome and detects spurious readiness (EALREADY: still pending). A Unix
        // socket is not asked again: it is connected already, and a second connect may fail with EAGAIN if the queue is
        // full.
        let result =
            address.isUnix ? SystemResult(0) : retryingInterrupts { loop.kernel.connect(fd, to: address) }
        switch result.errno {
        case nil, .socketIsConnected:
            if isConnectedToItself {
                // Without the reset, TIME_WAIT would keep the port from the server that is to listen on it.
                _ = loop.kernel.setResetOnClose(fd)
                return fail(.connectionRefused)
            }
            guard let descriptor = descriptor.take() else { return }
            if let timer { loop.cancel(timer) }
            connected(self, descriptor)
        case .alreadyInProcess, .nowInProgress:
            // Spurious readiness; the edge that reports the outcome is still to come.
            return
        case let errno?:
            fail(errno)
        }
    }

    /// Whether the socket is connected to itself: no server listens, the kernel chose the destination's port as the
    /// local port, and the socket received its own SYN (simultaneous open, RFC 9293, 3.5).
    private var isConnectedToItself: Bool {
        var (local, peer) = (SocketAddress.unspecified, SocketAddress.unspecified)
        guard !address.isUnix, loop.kernel.localAddress(of: fd, &local).succeeded, local.port == address.port else {
            return false
        }
        return loop.kernel.peerAddress(of: fd, &peer).succeeded && local == peer
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
