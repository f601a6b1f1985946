// A connect on its way: the socket is ours, the handshake is the kernel's. What becomes of the connected socket is the
// caller's business.
//
//     connecting --writable, connect says connected--> handed over
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
    private let connected: (Connector, consuming OwnedDescriptor) -> Void
    private let failed: (SocketError) -> Void

    init(
        loop: EventLoop, to address: SocketAddress, from local: SocketAddress?, timeout: Duration, limits: Limits,
        connected: @escaping (Connector, consuming OwnedDescriptor) -> Void, failed: @escaping (SocketError) -> Void
    ) throws(SocketError) {
        let kernel = loop.kernel
        let made = kernel.socket(.stream, for: address)
        if let errno = made.errno { throw SocketError(.open, subject: "\(address)", errno: errno) }
        let socket = OwnedDescriptor(made.descriptor)
        do throws(SocketError) {
            try loop.checkCapacity(for: socket.name)
            try limits.apply(to: socket.name, kernel, for: address, isListener: false)
            if let local {
                if local.port == 0 { _ = kernel.setOption(.bindAddressNoPort, of: socket.name, to: 1) }
                if let errno = kernel.bind(socket.name, to: local).errno {
                    throw SocketError(.listen, subject: "\(local)", errno: errno)
                }
            }
            // Not retried when interrupted: the connect goes on by itself (connect(2), EINTR).
            if let errno = kernel.connect(socket.name, to: address).errno, errno != .nowInProgress,
                errno != .interrupted
            {
                throw SocketError(.connect, subject: "\(address)", errno: errno)
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
        loop.register(self, wanting: .writable)
        timer = loop.schedule(after: timeout) { [unowned self] in fail(.timedOut) }
    }

    /// Gives up, if it is still on its way. Nobody is told.
    public func cancel() {
        guard isRegistered else { return }
        if let timer { loop.cancel(timer) }
        loop.deregister(self, closesAlone: true)
        descriptor.take()?.close(loop.kernel)
    }

    override func ready(_ readiness: Readiness) {
        // Asking again says how it went, and sees through spurious readiness: EALREADY is "not yet".
        let result = loop.kernel.connect(name, to: address)
        switch result.errno {
        case nil, .socketIsConnected:
            guard let descriptor = descriptor.take() else { return }
            if let timer { loop.cancel(timer) }
            connected(self, descriptor)
        case .alreadyInProcess, .nowInProgress, .interrupted:
            // Edge-triggered, the edge that counts is still to come.
            return
        case let errno?:
            fail(errno)
        }
    }

    override func registrationFailed(_ errno: Errno) { fail(errno) }

    override func loopEnded() { cancel() }

    private func fail(_ errno: Errno) {
        cancel()
        failed(SocketError(.connect, subject: "\(address)", errno: errno))
        loop.callbackReturned(named: "failed connect to \(address)")
    }
}
