// A program on the network that sends and receives datagrams, scripted by the test: it has no loop and no descriptor,
// only a socket of the simulated kernel.

public import Reactor
public import SystemPackage

/// A scripted UDP peer of a simulated world.
///
/// The peer receives everything that arrives, unless it is stalled.
public final class SimulatedDatagramPeer {
    /// A received datagram.
    public struct Arrival: Sendable, Hashable {
        /// The virtual time of arrival.
        public let time: MonotonicTime
        /// The payload.
        public let bytes: [UInt8]
        /// The sender's address.
        public let source: SocketAddress
        /// The payload decoded as UTF-8.
        public var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    private unowned let kernel: SimulatedKernel
    private let socket: SimulatedDatagramSocket
    private var isStepping = false

    /// The received datagrams, in order of arrival.
    public private(set) var received: [Arrival] = []
    /// Called with each received datagram.
    public var onReceived: ((Arrival) -> Void)?
    /// The last error that the network reported for a datagram that was not delivered; only a connected peer receives
    /// such errors.
    public private(set) var error: Errno?
    /// Whether the peer has stopped receiving: datagrams fill its buffer, and are dropped once it is full.
    public private(set) var isStalled = false

    init(_ kernel: SimulatedKernel, at address: SocketAddress) {
        self.kernel = kernel
        socket = kernel.newDatagramSocket(for: address)
        socket.options[.broadcast] = 1
        socket.options[.reuseAddress] = 1
        _ = kernel.bindDatagrams(socket, to: address)
        socket.onWake = { [weak self] in self?.stepSoon() }
    }

    /// The peer's address.
    public var address: SocketAddress { kernel.sourceAddress(of: socket) }

    /// Sends a datagram.
    ///
    /// - Returns: The error if the kernel refuses the datagram; `nil` otherwise, even if the network loses it.
    @discardableResult
    public func send(_ bytes: [UInt8], to address: SocketAddress) -> Errno? {
        kernel.transmit(bytes, from: socket, to: address).errno
    }

    /// Sends a string as UTF-8.
    @discardableResult
    public func send(_ text: String, to address: SocketAddress) -> Errno? { send(Array(text.utf8), to: address) }

    /// Connects to one peer: receives from it only, and receives its ICMP errors.
    public func connect(to address: SocketAddress) { _ = kernel.connectDatagrams(socket, to: address) }

    /// Joins a multicast group.
    public func join(_ group: SocketAddress) {
        socket.groups.insert(SimulatedDatagramSocket.Membership(group: group.withPort(0), interface: 0))
    }

    /// Stops receiving.
    public func stall() { isStalled = true }

    /// Resumes receiving.
    public func resume() {
        isStalled = false
        stepSoon()
    }

    /// Closes the socket.
    public func close() {
        socket.onWake = nil
        socket.released()
    }

    /// Schedules the peer's next step: a peer is an independent program and never acts inside a call of the server's.
    private func stepSoon() {
        if isStepping { return }
        isStepping = true
        kernel.clock.after(1000) { [weak self] in
            self?.isStepping = false
            self?.step()
        }
    }

    private func step() {
        guard !isStalled else { return }
        error = socket.takeError() ?? error
        for datagram in socket.take(socket.queue.count) {
            let arrival = Arrival(time: kernel.now(), bytes: datagram.bytes, source: datagram.source)
            received.append(arrival)
            onReceived?(arrival)
        }
    }
}
