// A program on the network that sends and receives datagrams, played by the test: it has no loop and no descriptor, only
// a socket of the simulated kernel.

public import Reactor
public import SystemPackage

/// A scripted UDP peer of a simulated world. It receives all that arrives, unless it is stalled.
public final class SimulatedDatagramPeer {
    /// A datagram that arrived.
    public struct Arrival: Sendable, Hashable {
        /// When, in virtual time.
        public let time: MonotonicTime
        /// What.
        public let bytes: [UInt8]
        /// From where.
        public let source: SocketAddress
        /// The bytes as text.
        public var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    private unowned let kernel: SimulatedKernel
    private let socket: SimulatedDatagramSocket
    private var isStepping = false

    /// What has arrived, in order.
    public private(set) var received: [Arrival] = []
    /// Called with each datagram that arrives.
    public var onReceived: ((Arrival) -> Void)?
    /// What the network told about a datagram that did not arrive; only a connected peer is told.
    public private(set) var error: Errno?
    /// Whether it receives nothing: what arrives fills its buffer, and is lost then.
    public private(set) var isStalled = false

    init(_ kernel: SimulatedKernel, at address: SocketAddress) {
        self.kernel = kernel
        socket = kernel.newDatagramSocket(for: address)
        socket.options[.broadcast] = 1
        socket.options[.reuseAddress] = 1
        _ = kernel.bindDatagrams(socket, to: address)
        socket.onWake = { [weak self] in self?.stepSoon() }
    }

    /// Where it is.
    public var address: SocketAddress { kernel.sourceAddress(of: socket) }

    /// Sends a datagram; what the kernel refuses is told at once, what is lost on the way is not.
    @discardableResult
    public func send(_ bytes: [UInt8], to address: SocketAddress) -> Errno? {
        kernel.transmit(bytes, from: socket, to: address).errno
    }

    /// Sends a text.
    @discardableResult
    public func send(_ text: String, to address: SocketAddress) -> Errno? { send(Array(text.utf8), to: address) }

    /// Receives from one peer only, and is told when nobody is there.
    public func connect(to address: SocketAddress) { _ = kernel.connectDatagrams(socket, to: address) }

    /// Receives what is sent to a multicast group.
    public func join(_ group: SocketAddress) {
        socket.groups.insert(SimulatedDatagramSocket.Membership(group: group.withPort(0), interface: 0))
    }

    /// Receives nothing for now.
    public func stall() { isStalled = true }

    /// Receives again.
    public func resume() {
        isStalled = false
        stepSoon()
    }

    /// Goes away.
    public func close() {
        socket.onWake = nil
        socket.released()
    }

    /// A peer is a program of its own: it acts in a moment of its own.
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
