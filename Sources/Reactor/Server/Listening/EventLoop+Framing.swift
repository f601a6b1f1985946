// Listening and connecting with a framing: handlers receive messages instead of bytes.

extension EventLoop {
    /// Listens for connections, splits their input into messages, and creates a handler for each connection.
    ///
    /// Works like ``listen(on:limits:handler:)-(SocketAddress,_,_)``. ``Limits/firstMessageTime`` applies to the first
    /// complete message.
    ///
    /// - Parameters:
    ///   - address: the address to listen on.
    ///   - limits: the limits of the connections, in total and each.
    ///   - framing: splits the stream into messages; each connection has its own copy.
    ///   - handler: creates the handler of an accepted connection. If it throws, the connection is closed.
    /// - Returns: The listener.
    /// - Throws: ``SocketError`` that names the address.
    @discardableResult
    public func listen(
        on address: SocketAddress, limits: Limits = Limits(), framing: some MessageDecoder,
        handler: @escaping (Connection) throws -> any MessageHandler
    ) throws(SocketError) -> Listener {
        try listen(on: address, limits: limits) { try handler($0).framed(by: framing) }
    }

    /// Listens on a numeric address, such as `127.0.0.1:7788` or `[::1]:7788`, and splits input into messages.
    @discardableResult
    public func listen(
        on address: String, limits: Limits = Limits(), framing: some MessageDecoder,
        handler: @escaping (Connection) throws -> any MessageHandler
    ) throws(SocketError) -> Listener {
        try listen(on: SocketAddress(address), limits: limits, framing: framing, handler: handler)
    }

    /// Connects to a server and splits the connection's input into messages.
    ///
    /// Works like ``connect(to:from:timeout:limits:handler:failed:)``.
    ///
    /// - Parameter framing: splits the stream into messages.
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
