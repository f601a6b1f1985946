// Outgoing connections: to an address, to one of several, to a name.

extension EventLoop {
    /// Connects to a TCP server or a Unix socket.
    ///
    /// - Parameters:
    ///   - address: the address to connect to.
    ///   - local: the local address; its port is usually 0. `nil` leaves the choice to the kernel.
    ///   - timeout: the time limit for the handshake. Default: 10 s.
    ///   - limits: the connection's limits; ``Limits/firstMessageTime`` applies to accepted connections only.
    ///   - handler: creates the handler when the connection is established.
    ///   - failed: called in a later turn when the connection fails: refused, timed out, unreachable.
    /// - Returns: The attempt, which can be cancelled.
    /// - Throws: ``SocketError`` when the attempt cannot begin: out of descriptors or ports, no route.
    @discardableResult
    public func connect(
        to address: SocketAddress, from local: SocketAddress? = nil, timeout: Duration = .seconds(10),
        limits: Limits = Limits(), handler: @escaping (Connection) throws -> any ConnectionHandler,
        failed: @escaping (SocketError) -> Void
    ) throws(SocketError) -> Connector {
        let limits = limits.ofConnecting
        return try Connector(
            loop: self, to: address, from: local, timeout: timeout, settings: SocketSettings(limits),
            connected: Self.beginning(ConnectionLimits(limits), owner: nil, handler), failed: failed)
    }

    /// Connects to a host by name or address.
    ///
    /// The loop's ``workers`` look the name up with its ``resolver``. Its addresses are tried one after another,
    /// without waiting long for any (Happy Eyeballs, RFC 8305); the first to connect is used.
    ///
    /// - Parameters:
    ///   - destination: `HOST:PORT`, the host being a name or a numeric address, IPv6 in brackets; `unix:PATH`; or
    ///     `srv:NAME`, for the servers that the SRV records of a service name (RFC 2782).
    ///   - options: the timing, and which family comes first.
    ///   - limits: the connection's limits; ``Limits/firstMessageTime`` is ignored.
    ///   - handler: creates the handler when the connection is established.
    ///   - failed: called in a later turn when the connection fails; with several addresses, ``SocketError/attempts``
    ///     has
    ///     the error of each.
    /// - Returns: The attempt. If it is cancelled, or if the loop ends first, neither closure is called.
    /// - Throws: ``SocketError`` when the destination is malformed, or the loop has ended.
    @discardableResult
    public func connect(
        to destination: String, options: ConnectOptions = ConnectOptions(), limits: Limits = Limits(),
        handler: @escaping (Connection) throws -> any ConnectionHandler, failed: @escaping (SocketError) -> Void
    ) throws(SocketError) -> HappyEyeballs {
        try connect(
            to: destination, options: options, limits: limits, owner: nil, handler: handler, failed: failed)
    }

    /// Connects to one of several addresses of a host.
    ///
    /// Works like ``connect(to:options:limits:handler:failed:)`` after the lookup.
    @discardableResult
    public func connect(
        toOneOf addresses: [SocketAddress], options: ConnectOptions = ConnectOptions(), limits: Limits = Limits(),
        handler: @escaping (Connection) throws -> any ConnectionHandler, failed: @escaping (SocketError) -> Void
    ) -> HappyEyeballs {
        let limits = limits.ofConnecting
        return HappyEyeballs(
            loop: self, to: addresses, options: options, settings: SocketSettings(limits),
            connected: Self.beginning(ConnectionLimits(limits), owner: nil, handler), failed: failed)
    }

    func connect(
        to destination: String, options: ConnectOptions, limits: Limits, owner: ConnectionOwner?,
        handler: @escaping (Connection) throws -> any ConnectionHandler, failed: @escaping (SocketError) -> Void
    ) throws(SocketError) -> HappyEyeballs {
        if isShutDown { throw SocketError(.connect, subject: destination, reason: "the loop has ended") }
        let limits = limits.ofConnecting
        return try HappyEyeballs(
            loop: self, toHost: destination, options: options, settings: SocketSettings(limits),
            connected: Self.beginning(ConnectionLimits(limits), owner: owner, handler), failed: failed)
    }

    /// Returns a closure that turns a connected socket into a connection.
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
    /// The limits of an outgoing connection, whose peer need not send a first message.
    var ofConnecting: Limits {
        var limits = self
        limits.firstMessageTime = nil
        return limits
    }
}
