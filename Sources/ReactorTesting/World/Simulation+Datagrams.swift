// Datagrams in a simulated world: sockets of the loop under test, and the peers that talk to them.

public import Reactor

extension Simulation {
    /// Binds a datagram socket on the loop, with an observed handler.
    ///
    /// A call that fails for lack of resources is retried, so that random faults do not end the test.
    ///
    /// - Throws: ``SocketError`` when binding fails for another reason, or 100 times in a row.
    @discardableResult
    public func bindDatagrams(
        on address: SocketAddress = .loopback(port: 7788), options: DatagramOptions = DatagramOptions(),
        handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        try makeDatagrams(handler) { observed throws(SocketError) in
            try loop.bindDatagrams(on: address, options: options, handler: observed)
        }
    }

    /// Connects a datagram socket of the loop to a peer, with an observed handler.
    ///
    /// A call that fails for lack of resources is retried, so that random faults do not end the test.
    ///
    /// - Throws: ``SocketError`` when connecting fails for another reason, or 100 times in a row.
    @discardableResult
    public func connectDatagrams(
        to peer: SocketAddress, from local: SocketAddress? = nil, options: DatagramOptions = DatagramOptions(),
        handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        try makeDatagrams(handler) { observed throws(SocketError) in
            try loop.connectDatagrams(to: peer, from: local, options: options, handler: observed)
        }
    }

    private func makeDatagrams(
        _ handler: any DatagramHandler, _ make: (ObservedDatagramHandler) throws(SocketError) -> DatagramSocket
    ) throws(SocketError) -> DatagramSocket {
        var attempts = 0
        while true {
            let observed = ObservedDatagramHandler(handler)
            do throws(SocketError) {
                let socket = try make(observed)
                observed.socket = socket
                datagramHandlers.append(observed)
                return socket
            } catch {
                attempts += 1
                if attempts == 100 || error.errno?.faultClass != .resources { throw error }
            }
        }
    }

    /// Creates a peer that sends and receives datagrams. Default address: the loopback, with a port of its own.
    public func datagramPeer(at address: SocketAddress = .loopback(port: 0)) -> SimulatedDatagramPeer {
        SimulatedDatagramPeer(kernel, at: address)
    }
}
