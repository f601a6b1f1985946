// Incoming connections: listening.

extension EventLoop {
    /// Listens for connections and creates a handler for each.
    ///
    /// - Parameters:
    ///   - address: the address to listen on; for port 0 the kernel chooses one, see ``Listener/address``. The IPv6
    ///     wildcard `::` also accepts IPv4 connections, unless the system is configured otherwise.
    ///   - limits: the limits of the connections, in total and each.
    ///   - handler: creates the handler of an accepted connection. If it throws, the connection is closed.
    /// - Returns: The listener.
    /// - Throws: ``SocketError`` that names the address: in use, no permission, no such address, out of descriptors.
    @discardableResult
    public func listen(
        on address: SocketAddress, limits: Limits = Limits(),
        handler: @escaping HandlerFactory
    ) throws(SocketError) -> Listener {
        let acceptor = ConnectionAcceptor(loop: self, limits: limits, makeHandler: handler)
        return try Listener(loop: self, on: address, settings: SocketSettings(limits), delegate: acceptor)
    }

    /// Listens on a numeric address, such as `127.0.0.1:7788` or `[::1]:7788`, or on `unix:PATH`.
    ///
    /// Works like ``listen(on:limits:handler:)-(SocketAddress,_,_)``; ``SocketAddress/resolve(_:)`` looks up names.
    @discardableResult
    public func listen(
        on address: String, limits: Limits = Limits(), handler: @escaping HandlerFactory
    ) throws(SocketError) -> Listener {
        try listen(on: SocketAddress(address), limits: limits, handler: handler)
    }
}
