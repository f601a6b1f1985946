// The handshake: a request reaches the listener, the reply returns, and the connection enters the accept queue. A full
// accept queue drops the request, which is then retried, as on Linux (listen(2), tcp(7)).

public import Reactor
public import SystemPackage

extension SimulatedSocket {
    /// Returns whether connections to `address` reach this listener.
    func takes(_ address: SocketAddress) -> Bool {
        if address.isUnix || local.isUnix { return kernel.isAt(address, self) }
        guard local.port == address.port else { return false }
        var any = SocketAddress.unspecified
        any.port = address.port
        return local == address || local == any || local == .ipv6(high: 0, low: 0, port: address.port)
    }
}

/// The reachability of a host in the simulated network.
public struct SimulatedRoute: Sendable {
    let errno: Errno?
    let delay: Int64
    let isDead: Bool

    /// The default route.
    public static let direct = SimulatedRoute(errno: nil, delay: 0, isDead: false)
    /// A route that drops all requests: connects fail with `ETIMEDOUT` after 127 s.
    public static let dead = SimulatedRoute(errno: nil, delay: 0, isDead: true)
    /// Returns a route that delays the handshake.
    public static func slow(_ delay: Duration) -> SimulatedRoute {
        SimulatedRoute(errno: nil, delay: delay.wholeNanoseconds, isDead: false)
    }
    /// Returns a route on which connect(2) itself fails, for example with `ENETUNREACH`.
    public static func failing(_ errno: Errno) -> SimulatedRoute {
        SimulatedRoute(errno: errno, delay: 0, isDead: false)
    }
}

extension SimulatedKernel {
    /// Sets the route to a host; the port of its address is ignored.
    public func setRoute(to host: SocketAddress, _ route: SimulatedRoute) {
        var key = host
        key.port = 0
        routes[key] = route
    }

    private func route(to address: SocketAddress) -> SimulatedRoute {
        if routes.isEmpty { return .direct }
        var key = address
        key.port = 0
        return routes[key] ?? .direct
    }

    private static let firstRetry: Int64 = 1_000_000_000
    private static let retries = 6
    /// How long Linux keeps trying an address that does not respond (tcp(7), `tcp_syn_retries`).
    private static let patience: Int64 = 127_000_000_000

    /// connect(2).
    package func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        let errno = fault(.connect)
        // An interrupted connect continues in the background.
        if let errno, errno != .interrupted { return leave(.connect, socket.rawValue, SystemResult(errno)) }
        let file = endpoint(socket, .connect)
        if let file = file as? SimulatedDatagramSocket {
            let result = errno.map { SystemResult($0) } ?? connectDatagrams(file, to: address)
            return leave(.connect, socket.rawValue, result)
        }
        guard let file = file as? SimulatedSocket else {
            return leave(.connect, socket.rawValue, SystemResult(.badFileDescriptor))
        }
        let result = begin(file, to: address)
        return leave(.connect, socket.rawValue, errno.map { SystemResult($0) } ?? result)
    }

    /// Starts a connect, or reports the outcome of one that started earlier.
    func begin(_ file: SimulatedSocket, to address: SocketAddress) -> SystemResult {
        switch file.phase {
        case .fresh where address.isUnix: return connectUnix(file, to: address)
        case .fresh:
            let route = route(to: address)
            if let errno = route.errno { return SystemResult(errno) }
            file.phase = .connecting
            file.peer = address
            if file.local.port == 0 {
                if file.local == .unspecified {
                    file.local = address.isIPv6 ? .ipv6(high: 0, low: 1, port: 0) : .loopback(port: 0)
                }
                file.local.port = freePort()
            }
            clock.after(route.delay) { [weak file] in
                if let file { self.request(file, to: address, attempt: 0) }
            }
            return SystemResult(.nowInProgress)
        case .connecting: return SystemResult(.alreadyInProcess)
        case .connected where !file.connectWasReported:
            spin.noteProgress()
            file.connectWasReported = true
            return SystemResult(0)
        case .connected: return SystemResult(.socketIsConnected)
        case .dead:
            // A connection that was reset before its outcome was requested had been established nevertheless.
            if file.incoming != nil, !file.connectWasReported {
                return SystemResult(file.takeError() ?? .connectionAbort)
            }
            return SystemResult(file.takeError() ?? .connectionAbort)
        case .listening: return SystemResult(.notSupportedOnSocket)
        }
    }

    private func request(_ client: SimulatedSocket, to address: SocketAddress, attempt: Int) {
        clock.after(delay()) { [self, weak client] in
            guard let client, client.phase == .connecting else { return }
            if route(to: address).isDead {
                return clock.after(Self.patience) { [weak client] in client?.receiveReset(.timedOut) }
            }
            guard let listener = listeners.first(where: { $0.takes(address) }) else {
                if client.local == address { return establishAlone(client) }
                clock.after(delay()) { [weak client] in client?.receiveReset(.connectionRefused) }
                return
            }
            if listener.accepting.count > listener.backlog {
                if attempt == Self.retries { return client.receiveReset(.timedOut) }
                clock.after(Self.firstRetry << Int64(attempt)) { [weak client] in
                    if let client { self.request(client, to: address, attempt: attempt + 1) }
                }
                return
            }
            establish(client, listener, at: address)
        }
    }

    /// Creates the accepted end of a connection, and the two streams between the ends.
    func pair(
        _ client: SimulatedSocket, _ listener: SimulatedSocket, at address: SocketAddress, clientSendsFrom: Int64,
        serverSendsFrom: Int64
    ) -> SimulatedSocket {
        let server = newSocket()
        server.local = address
        server.peer = client.local
        server.options = listener.options
        server.sendBuffer = listener.sendBuffer
        server.receiveBuffer = listener.receiveBuffer
        server.outgoing = SimulatedPipe(self, from: server, to: client, notBefore: serverSendsFrom)
        client.outgoing = SimulatedPipe(self, from: client, to: server, notBefore: clientSendsFrom)
        server.incoming = client.outgoing
        client.incoming = server.outgoing
        server.phase = .connected
        return server
    }

    /// Establishes a connection of a socket to itself: a simultaneous open by one socket (RFC 9293, 3.5).
    private func establishAlone(_ client: SimulatedSocket) {
        let stream = SimulatedPipe(self, from: client, to: client, notBefore: clock.now)
        (client.incoming, client.outgoing) = (stream, stream)
        client.phase = .connected
        client.wake(.writable)
    }

    private func establish(_ client: SimulatedSocket, _ listener: SimulatedSocket, at address: SocketAddress) {
        let established = clock.later(delay())
        let queued = max(established, clock.later(delay() &+ (established - clock.now)))
        let server = pair(client, listener, at: address, clientSendsFrom: queued, serverSendsFrom: established)
        clock.at(established) { [weak client] in
            guard let client, client.phase == .connecting else { return server.reset() }
            client.phase = .connected
            client.wake(.writable)
        }
        clock.at(queued) { [weak listener] in
            guard let listener, listener.phase == .listening, !listener.isAbandoned else { return server.reset() }
            if server.phase == .dead { return }
            listener.accepting.append(server)
            listener.wake(.readable)
        }
    }
}
