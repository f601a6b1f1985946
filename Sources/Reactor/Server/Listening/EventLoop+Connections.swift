// Incoming connections: listening, and how any connection begins.

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
        return try Listener(loop: self, on: address, limits: limits, delegate: acceptor)
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

extension Connection {
    /// Gives a registered connection its handler and calls `connected`.
    func begin(_ makeHandler: HandlerFactory) {
        let wasDraining = loop.isDraining
        loop.counters.connectionsOpened += 1
        startDeadlines()
        startRates()
        do {
            setHandler(try makeHandler(self))
        } catch {
            loop.counters.handlerErrors += 1
            loop.report(.handlerError, "no handler for \(peer): \(error)")
            terminate(CloseReason(.handlerError, error: error))
        }
        deliverConnected()
        if wasDraining && state.isOpen { deliverDraining() }
    }

    /// Redispatches the connection if it is edge-triggered: the edge of input that arrived earlier was reported to the
    /// descriptor's previous source and is not reported again.
    func lookForEarlyBytes() {
        if state.wantsToRead && loop.isEdgeTriggered { loop.redispatch(at: self, [.readable, .peerClosed]) }
    }
}
