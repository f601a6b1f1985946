// Connections that others make: the listener's end of it, and how any connection begins.

extension EventLoop {
    /// Listens for TCP connections and makes a handler for each.
    ///
    /// - Parameters:
    ///   - address: where; port 0 lets the kernel choose, see ``Listener/address``. An IPv6 `::` takes IPv4
    ///     connections too, unless the system is set otherwise.
    ///   - limits: what the connections may use up, in all and each.
    ///   - handler: makes the handler of a connection, when it was accepted. If it throws, the connection is closed.
    /// - Throws: ``SocketError`` that names the address: in use, no permission, no such address, no descriptors.
    @discardableResult
    public func listen(
        on address: SocketAddress, limits: Limits = Limits(),
        handler: @escaping HandlerFactory
    ) throws(SocketError) -> Listener {
        let acceptor = ConnectionAcceptor(loop: self, limits: limits, makeHandler: handler)
        return try Listener(loop: self, on: address, limits: limits, delegate: acceptor)
    }

    /// Listens on a numeric address, as `127.0.0.1:7788` or `[::1]:7788`.
    ///
    /// As ``listen(on:limits:handler:)-(SocketAddress,_,_)``; names are looked up with ``SocketAddress/resolve(_:)``.
    @discardableResult
    public func listen(
        on address: String, limits: Limits = Limits(), handler: @escaping HandlerFactory
    ) throws(SocketError) -> Listener {
        try listen(on: SocketAddress(address), limits: limits, handler: handler)
    }
}

extension Connection {
    /// Gives a registered connection its handler and begins.
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

    /// What came before there was a connection was told to whoever had the descriptor then; edge-triggered it is not told
    /// again.
    func lookForEarlyBytes() {
        if state.wantsToRead && loop.isEdgeTriggered { loop.lookAgain(at: self, [.readable, .peerClosed]) }
    }
}
