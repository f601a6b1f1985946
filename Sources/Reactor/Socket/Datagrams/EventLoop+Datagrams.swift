// The ways in which datagram sockets come to be: bound to an address, for many peers; connected to one; or neither.

extension EventLoop {
    /// Receives and sends UDP datagrams on an address.
    ///
    /// - Parameters:
    ///   - address: where; port 0 lets the kernel choose, see ``DatagramSocket/address``. An IPv6 `::` takes IPv4
    ///     datagrams too, unless the system is set otherwise.
    ///   - options: what the socket may use up, and how the kernel is to treat it.
    ///   - handler: handles what arrives from all peers.
    /// - Throws: ``SocketError`` that names the address: in use, no permission, no such address, no descriptors.
    @discardableResult
    public func bindDatagrams(
        on address: SocketAddress, options: DatagramOptions = DatagramOptions(), handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        try DatagramSocket(loop: self, on: address, peer: nil, options: options, handler: handler)
    }

    /// Receives and sends UDP datagrams on a numeric address, as `127.0.0.1:7788` or `[::1]:7788`.
    @discardableResult
    public func bindDatagrams(
        on address: String, options: DatagramOptions = DatagramOptions(), handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        try bindDatagrams(on: SocketAddress(address), options: options, handler: handler)
    }

    /// Receives and sends UDP datagrams on a socket that this process was started with, which is the loop's from then on.
    ///
    /// - Parameters:
    ///   - socket: a datagram socket of an ``Inheritance``.
    ///   - peer: the one peer to connect it to; `nil` for many peers.
    ///   - options: what the socket may use up, and how the kernel is to treat it.
    ///   - handler: handles what arrives.
    /// - Throws: ``SocketError`` that names the socket: it is a stream socket, which stays open; or the system
    ///   refuses an option, and the socket is closed.
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

    /// Exchanges UDP datagrams with one peer: only its datagrams are received, and when nobody is there, the kernel may
    /// tell (``DatagramHandler/failed(_:peer:on:)``). Nothing is sent for this.
    ///
    /// - Parameters:
    ///   - peer: the peer.
    ///   - local: this side's address, its port usually 0; `nil` leaves it to the kernel.
    ///   - options: what the socket may use up, and how the kernel is to treat it.
    ///   - handler: handles what the peer sends.
    /// - Throws: ``SocketError`` that names the address: no route, no permission, no descriptors.
    @discardableResult
    public func connectDatagrams(
        to peer: SocketAddress, from local: SocketAddress? = nil, options: DatagramOptions = DatagramOptions(),
        handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        try DatagramSocket(loop: self, on: local, peer: peer, options: options, handler: handler)
    }

    /// Makes a UDP socket that has no address yet: the kernel gives it one when it first sends, and nothing can reach it
    /// before that (ip(7)).
    ///
    /// - Parameters:
    ///   - address: any address of the family that it is to send to; what it says otherwise does not count.
    ///   - options: what the socket may use up, and how the kernel is to treat it.
    ///   - handler: handles what arrives from all peers.
    /// - Throws: ``SocketError``: no descriptors, no such family on this machine.
    @discardableResult
    public func openDatagrams(
        like address: SocketAddress, options: DatagramOptions = DatagramOptions(), handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        try DatagramSocket(loop: self, on: nil, peer: nil, family: address, options: options, handler: handler)
    }
}
