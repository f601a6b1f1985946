// A server as one value: where it listens, within which limits, for whom, on how many loops. It does nothing before it is
// asked to listen, and can be asked more than once.

/// A TCP server: an address, limits, and one or more event loops.
///
///     var server = try TCPServer(on: "127.0.0.1:7788", loops: 2)
///     server.limits.idleTime = .seconds(300)
///     try server.run { _ in Echo() }
public struct TCPServer: Sendable {
    /// Where it listens. Port 0 lets the kernel choose, once for all loops. ``inheritance``, if it has sockets, goes
    /// before.
    public var address: SocketAddress
    /// How many loops, each on a thread of its own; the first one on the caller's. Default: 1, which is the least;
    /// at most 1,024.
    public var loops: Int
    /// How connections are divided among the loops. Default: a listener for each.
    public var distribution = ConnectionDistribution.listenerPerLoop
    /// How the loops find out what is ready.
    public var backend: Backend
    /// The limits; those in all and an address hold over all loops together.
    public var limits: Limits
    /// Who may connect. Default: everyone.
    public var policy = AcceptPolicy.everyone
    /// Whether connections come through a proxy that says whose they are. Default: `nil`, they do not.
    public var proxyProtocol: ProxyProtocol?
    /// Sockets that this process was started with, to be used instead of ``address``; they are the server's from then on.
    public var inheritance: Inheritance?
    /// Called with what the operator should know, at most once a second, kind and loop; on the loop's thread.
    public var onReport: (@Sendable (LoopReport) -> Void)?

    /// A server on an address.
    public init(
        on address: SocketAddress, loops: Int = 1, backend: Backend = .epoll(), limits: Limits = Limits()
    ) {
        self.address = address
        self.loops = loops
        self.backend = backend
        self.limits = limits
    }

    /// A server on a numeric address, as `127.0.0.1:7788` or `[::1]:7788`.
    ///
    /// - Throws: ``SocketError`` that says what is wrong with the text.
    public init(
        on address: String, loops: Int = 1, backend: Backend = .epoll(), limits: Limits = Limits()
    ) throws(SocketError) {
        try self.init(on: SocketAddress(address), loops: loops, backend: backend, limits: limits)
    }

    /// Listens and serves, until a handler stops the loop it is on.
    ///
    /// - Parameter handler: makes the handler of a connection, on the loop that has it.
    /// - Throws: ``SocketError`` as ``listen(handler:)`` and ``ListeningServer/run()`` do.
    public func run(handler: @escaping @Sendable (Connection) throws -> any ConnectionHandler) throws(SocketError) {
        try listen(handler: handler).run()
    }

    /// Listens, and starts the loops but the first.
    ///
    /// - Parameter handler: makes the handler of a connection, on the loop that has it.
    /// - Returns: The server, to be run, or shut down.
    /// - Throws: ``SocketError`` that names the address or the loop; nothing is left of the attempt then.
    public func listen(
        handler: @escaping @Sendable (Connection) throws -> any ConnectionHandler
    ) throws(SocketError) -> ListeningServer {
        try listen(preparing: { _ in handler })
    }

    /// Listens, and starts the loops but the first, each prepared in its own way.
    ///
    /// - Parameters:
    ///   - loop: the first loop, where it is to be one that is there already; the others are of its back end then. It
    ///     remains its owner's until the server runs. `nil` makes one.
    ///   - prepare: called once on each loop's thread, before it takes connections; makes what makes the handlers there.
    ///     What belongs to the loop, its timers for instance, is made here.
    /// - Returns: The server, to be run, or shut down.
    /// - Throws: ``SocketError`` that names the address or the loop; nothing is left of the attempt then.
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
