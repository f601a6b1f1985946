// Connecting to others: to an address, to the best of several, to a name.

extension EventLoop {
    /// Connects to a TCP server.
    ///
    /// - Parameters:
    ///   - address: where to.
    ///   - local: this side's address, its port usually 0; `nil` leaves it to the kernel.
    ///   - timeout: how long the handshake may take. Default: 10 s.
    ///   - limits: what the connection may use up; ``Limits/firstMessageTime`` is for those who connect to us and does not
    ///     count here.
    ///   - handler: makes the handler, when the connection is there.
    ///   - failed: told, in a later turn, why there will be no connection: refused, timed out, unreachable.
    /// - Returns: The attempt, which can be cancelled.
    /// - Throws: ``SocketError`` when the attempt cannot even begin: no descriptors, no ports, no route.
    @discardableResult
    public func connect(
        to address: SocketAddress, from local: SocketAddress? = nil, timeout: Duration = .seconds(10),
        limits: Limits = Limits(), handler: @escaping (Connection) throws -> any ConnectionHandler,
        failed: @escaping (SocketError) -> Void
    ) throws(SocketError) -> Connector {
        let limits = limits.ofConnecting
        return try Connector(
            loop: self, to: address, from: local, timeout: timeout, limits: limits,
            connected: Self.beginning(ConnectionLimits(limits), owner: nil, handler), failed: failed)
    }

    /// Connects to a host by name, or by address.
    ///
    /// The name is looked up by the loop's ``workers``, with its ``resolver``. All of its addresses are tried, one after
    /// the other and without waiting long for any (Happy Eyeballs, RFC 8305): the first that is connected is used.
    /// - Parameters:
    ///   - destination: `HOST:PORT`, the host a name or a numeric address, IPv6 in brackets; or `unix:PATH`.
    ///   - options: times, and which family comes first.
    ///   - limits: what the connection may use up; ``Limits/firstMessageTime`` does not count here.
    ///   - handler: makes the handler, when the connection is there.
    ///   - failed: told, in a later turn, why there will be no connection; with several addresses, why of each, in
    ///     ``SocketError/attempts``.
    /// - Returns: The attempt, which can be cancelled; nobody is told then, nor when the loop ends before it does.
    /// - Throws: ``SocketError`` when the destination is malformed, or the loop has ended.
    @discardableResult
    public func connect(
        to destination: String, options: ConnectOptions = ConnectOptions(), limits: Limits = Limits(),
        handler: @escaping (Connection) throws -> any ConnectionHandler, failed: @escaping (SocketError) -> Void
    ) throws(SocketError) -> ConnectionRace {
        try connect(
            to: destination, options: options, limits: limits, owner: nil, handler: handler, failed: failed)
    }

    /// Connects to one of several addresses of the same host, as ``connect(to:options:limits:handler:failed:)`` does when
    /// it has looked them up.
    @discardableResult
    public func connect(
        toOneOf addresses: [SocketAddress], options: ConnectOptions = ConnectOptions(), limits: Limits = Limits(),
        handler: @escaping (Connection) throws -> any ConnectionHandler, failed: @escaping (SocketError) -> Void
    ) -> ConnectionRace {
        let limits = limits.ofConnecting
        return ConnectionRace(
            loop: self, to: addresses, options: options, limits: limits,
            connected: Self.beginning(ConnectionLimits(limits), owner: nil, handler), failed: failed)
    }

    func connect(
        to destination: String, options: ConnectOptions, limits: Limits, owner: ConnectionOwner?,
        handler: @escaping (Connection) throws -> any ConnectionHandler, failed: @escaping (SocketError) -> Void
    ) throws(SocketError) -> ConnectionRace {
        if isShutDown { throw SocketError(.connect, subject: destination, reason: "the loop has ended") }
        let limits = limits.ofConnecting
        return try ConnectionRace(
            loop: self, toHost: destination, options: options, limits: limits,
            connected: Self.beginning(ConnectionLimits(limits), owner: owner, handler), failed: failed)
    }

    /// What makes a connection of a connected socket.
    private static func beginning(
        _ limits: ConnectionLimits, owner: ConnectionOwner?,
        _ handler: @escaping (Connection) throws -> any ConnectionHandler
    ) -> (Connector, consuming OwnedDescriptor) -> Void {
        { connector, descriptor in
            let loop = connector.loop
            let connection = Connection(
                loop: loop, descriptor, peer: connector.address, limits: limits, owner: owner)
            loop.registry.replace(connector, by: connection, wanting: .readable)
            connection.begin(handler)
            connection.lookForEarlyBytes()
        }
    }
}

extension Limits {
    /// The limits of a connection that we make: nobody owes us a first message.
    fileprivate var ofConnecting: Limits {
        var limits = self
        limits.firstMessageTime = nil
        return limits
    }
}
