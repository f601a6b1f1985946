// Creates datagram sockets: bound to an address, for many peers; connected to one; or neither.

extension EventLoop {
    /// Binds a UDP socket to an address.
    ///
    /// - Parameters:
    ///   - address: the local address; for port 0 the kernel chooses one, see ``DatagramSocket/address``. The IPv6
    ///     wildcard
    ///     `::` also receives IPv4 datagrams, unless the system is configured otherwise.
    ///   - options: the socket's limits and options.
    ///   - handler: handles the datagrams of all peers.
    /// - Returns: The socket.
    /// - Throws: ``SocketError`` that names the address: in use, no permission, no such address, out of descriptors.
    @discardableResult
    public func bindDatagrams(
        on address: SocketAddress, options: DatagramOptions = DatagramOptions(), handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        try DatagramSocket(loop: self, on: address, peer: nil, options: options, handler: handler)
    }

    /// Binds a UDP socket to a numeric address, such as `127.0.0.1:7788` or `[::1]:7788`.
    @discardableResult
    public func bindDatagrams(
        on address: String, options: DatagramOptions = DatagramOptions(), handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        try bindDatagrams(on: SocketAddress(address), options: options, handler: handler)
    }

    /// Takes over a UDP socket that this process inherited; the loop owns it from then on.
    ///
    /// - Parameters:
    ///   - socket: a datagram socket of an ``Inheritance``.
    ///   - peer: the peer to connect it to; `nil` for many peers.
    ///   - options: the socket's limits and options.
    ///   - handler: handles the datagrams.
    /// - Returns: The socket.
    /// - Throws: ``SocketError`` that names the socket. A stream socket is refused and stays open; if the system
    ///   refuses an option, the socket is closed.
    @discardableResult
    public func adoptDatagrams(
        _ socket: InheritedSocket, connectingTo peer: SocketAddress? = nil,
        options: DatagramOptions = DatagramOptions(), handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        guard socket.kind == .datagram else { throw socket.refusal() }
        return try DatagramSocket(
            loop: self, on: socket.address, peer: peer, inherited: socket.descriptor, options: options,
            handler: handler)
    }

    /// Connects a UDP socket to one peer, without sending anything.
    ///
    /// Only the peer's datagrams are received, and the kernel may report that the peer's port is closed
    /// (``DatagramHandler/failed(_:peer:on:)``).
    ///
    /// - Parameters:
    ///   - peer: the peer.
    ///   - local: the local address; its port is usually 0. `nil` leaves the choice to the kernel.
    ///   - options: the socket's limits and options.
    ///   - handler: handles the peer's datagrams.
    /// - Returns: The socket.
    /// - Throws: ``SocketError`` that names the address: no route, no permission, out of descriptors.
    @discardableResult
    public func connectDatagrams(
        to peer: SocketAddress, from local: SocketAddress? = nil, options: DatagramOptions = DatagramOptions(),
        handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        try DatagramSocket(loop: self, on: local, peer: peer, options: options, handler: handler)
    }

    /// Creates an unbound UDP socket: the kernel binds it at the first send, and nothing can reach it before (ip(7)).
    ///
    /// - Parameters:
    ///   - address: any address of the family to send to; the rest of it is ignored.
    ///   - options: the socket's limits and options.
    ///   - handler: handles the datagrams of all peers.
    /// - Returns: The socket.
    /// - Throws: ``SocketError``: out of descriptors, address family not supported by this machine.
    @discardableResult
    package func openDatagrams(
        like address: SocketAddress, options: DatagramOptions = DatagramOptions(), handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        try DatagramSocket(loop: self, on: nil, peer: nil, family: address, options: options, handler: handler)
    }
}
