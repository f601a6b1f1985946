// Listening and connecting for those who want messages rather than bytes.

extension EventLoop {
    /// Listens for TCP connections, cuts what they receive into messages, and makes a handler for each connection.
    ///
    /// As ``listen(on:limits:handler:)-(SocketAddress,_,_)``. ``Limits/firstMessageTime`` is for a complete message
    /// here.
    /// - Parameter framing: how messages are told apart; each connection has its own copy.
    @discardableResult
    public func listen(
        on address: SocketAddress, limits: Limits = Limits(), framing: some MessageDecoder,
        handler: @escaping (Connection) throws -> any MessageHandler
    ) throws(SocketError) -> Listener {
        try listen(on: address, limits: limits) { try handler($0).framed(by: framing) }
    }

    /// Listens on a numeric address, as `127.0.0.1:7788` or `[::1]:7788`, and cuts what is received into messages.
    @discardableResult
    public func listen(
        on address: String, limits: Limits = Limits(), framing: some MessageDecoder,
        handler: @escaping (Connection) throws -> any MessageHandler
    ) throws(SocketError) -> Listener {
        try listen(on: SocketAddress(address), limits: limits, framing: framing, handler: handler)
    }

    /// Connects to a TCP server and cuts what it sends into messages.
    ///
    /// As ``connect(to:from:timeout:limits:handler:failed:)``.
    /// - Parameter framing: how messages are told apart.
    @discardableResult
    public func connect(
        to address: SocketAddress, from local: SocketAddress? = nil, timeout: Duration = .seconds(10),
        limits: Limits = Limits(), framing: some MessageDecoder,
        handler: @escaping (Connection) throws -> any MessageHandler, failed: @escaping (SocketError) -> Void
    ) throws(SocketError) -> Connector {
        try connect(
            to: address, from: local, timeout: timeout, limits: limits,
            handler: { try handler($0).framed(by: framing) }, failed: failed)
    }
}
