// A server as a value: its address, limits, policy and number of loops. It does nothing until it is asked to listen,
// and can be asked more than once.

/// A TCP server: an address, limits, and one or more event loops.
///
///     var server = try TCPServer(on: "127.0.0.1:7788", loops: 2)
///     server.limits.idleTime = .seconds(300)
///     try server.run { _ in Echo() }
public struct TCPServer: Sendable {
    /// The address to listen on; the kernel chooses one port for all loops if it is 0. Inherited sockets
    /// (``inheritance``) take precedence.
    public var address: SocketAddress
    /// The number of loops; the first runs on the caller's thread, the others on their own. Default: 1; at most 1,024.
    public var loops: Int
    /// How connections are distributed among the loops. Default: a listener per loop.
    public var distribution = ConnectionDistribution.listenerPerLoop
    /// The selector of the loops. Default: level-triggered epoll.
    public var backend: Backend
    /// The limits; those in total and per address apply to all loops together.
    public var limits: Limits
    /// The access list of client addresses. Default: everyone.
    public var policy = AcceptPolicy.everyone
    /// The PROXY protocol's options; connections have to begin with a header then. Default: `nil`, no header is
    /// expected.
    public var proxyProtocol: ProxyProtocol?
    /// Inherited sockets, used instead of ``address``; the server owns them from then on.
    public var inheritance: Inheritance?
    /// Called with reports for the operator, on the loop's thread, at most once per second, kind and loop.
    public var onReport: (@Sendable (LoopReport) -> Void)?

    /// Creates a server for an address.
    public init(
        on address: SocketAddress, loops: Int = 1, backend: Backend = .epoll(), limits: Limits = Limits()
    ) {
        self.address = address
        self.loops = loops
        self.backend = backend
        self.limits = limits
    }

    /// Creates a server for a numeric address, such as `127.0.0.1:7788` or `[::1]:7788`.
    ///
    /// - Throws: ``SocketError`` when the address is malformed.
    public init(
        on address: String, loops: Int = 1, backend: Backend = .epoll(), limits: Limits = Limits()
    ) throws(SocketError) {
        try self.init(on: SocketAddress(address), loops: loops, backend: backend, limits: limits)
    }

    /// Listens and serves until it is stopped or drained.
    ///
    /// - Parameter handler: creates the handler of a connection, on the connection's loop.
    /// - Throws: ``SocketError`` as ``listen(handler:)`` and ``ListeningServer/run()`` do.
    public func run(handler: @escaping @Sendable (Connection) throws -> any ConnectionHandler) throws(SocketError) {
        try listen(handler: handler).run()
    }

    /// Listens, and starts all loops but the first.
    ///
    /// - Parameter handler: creates the handler of a connection, on the connection's loop.
    /// - Returns: The server, to be run or shut down.
    /// - Throws: ``SocketError`` that names the address or the loop; everything is closed then.
    public func listen(
        handler: @escaping @Sendable (Connection) throws -> any ConnectionHandler
    ) throws(SocketError) -> ListeningServer {
        try listen(preparing: { _ in handler })
    }

    /// Listens, and starts all loops but the first, with a preparation per loop.
    ///
    /// - Parameters:
    ///   - loop: an existing loop to use as the first one; the others use the same back end. It remains the caller's
    ///     until
    ///     the server runs. `nil` creates one.
    ///   - prepare: called once on each loop's thread, before it accepts connections; returns the loop's handler
    ///     factory.
    ///     It may also create what belongs to the loop, such as timers.
    /// - Returns: The server, to be run or shut down.
    /// - Throws: ``SocketError`` that names the address or the loop; everything is closed then.
    public func listen(
        on loop: EventLoop? = nil, preparing prepare: @escaping @Sendable (EventLoop) throws -> HandlerFactory
    ) throws(SocketError) -> ListeningServer {
        if let loop { return try ListeningServer(self, on: loop, prepare) }
        let loop = try EventLoop(backend: backend)
        do throws(SocketError) {
            return try ListeningServer(self, on: loop, prepare)
        } catch {
            loop.shutdown()
            throw error
        }
    }
}
