// The two worlds that datagram programs run in: the simulated kernel without faults, and Linux on the loopback interface.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import Testing

extension SimulatedDatagramPeer: ParityPeer {
    var texts: [String] { received.map(\.text) }
}

/// The simulated kernel, where nothing goes wrong by chance.
final class SimulatedDatagramWorld: DatagramWorld {
    private let simulation: Simulation
    let interface = NetworkInterface(index: 1)

    init(_ backend: Backend) throws { simulation = try Simulation(seed: 1, backend: backend) }

    var loop: EventLoop { simulation.loop }
    func peer(at address: SocketAddress) -> any ParityPeer { simulation.datagramPeer(at: address) }
    func run(until condition: () -> Bool) throws { try simulation.run(until: condition) }
    func end() throws { try simulation.check() }
}

/// Linux, on the loopback interface.
final class RealDatagramWorld: DatagramWorld {
    let loop: EventLoop
    let interface = NetworkInterface(index: unsafe if_nametoindex("lo"))

    init(_ backend: Backend) throws { loop = try EventLoop(backend: backend) }

    func peer(at address: SocketAddress) throws -> any ParityPeer { try PlainPeer(at: address) }

    /// A tick of 2 ms wakes the loop to look at the peers, which it does not know of.
    func run(until condition: () -> Bool) throws {
        let end = ContinuousClock.now + .seconds(10)
        let tick = loop.schedule(after: .zero, repeating: .milliseconds(2)) {}
        defer { loop.cancel(tick) }
        while !condition() {
            if ContinuousClock.now >= end { throw Unexpected(what: "a condition that did not come to hold") }
            try loop.turn()
        }
    }

    func end() {}
}

/// A plain UDP socket that the framework knows nothing of. It uses the framework's own calls of Linux, which its tests on
/// real sockets have checked against plain ones.
private final class PlainPeer: ParityPeer {
    private let kernel = LinuxKernel.shared
    private let inbox = DatagramInbox(capacity: 16, datagramSize: 65_535)
    private var socket: FileDescriptor?
    let address: SocketAddress
    private var received: [String] = []

    init(at wanted: SocketAddress) throws {
        let socket = kernel.socket(.datagram, for: wanted).descriptor
        _ = kernel.setOption(.reuseAddress, of: socket, to: 1)
        _ = kernel.setOption(.broadcast, of: socket, to: 1)
        var address = wanted
        if let errno = kernel.bind(socket, to: wanted).errno { throw Unexpected(what: "\(errno)") }
        _ = kernel.localAddress(of: socket, &address)
        self.address = address
        self.socket = socket
    }

    deinit { close() }

    var texts: [String] {
        while let socket, kernel.receiveDatagrams(socket, into: inbox).succeeded {
            for index in 0..<inbox.count {
                // Safe: the bytes are copied while they are lent.
                let bytes = inbox.withBytes(of: index) { unsafe $0.withUnsafeBytes { unsafe Array($0) } }
                received.append(String(decoding: bytes, as: UTF8.self))
            }
        }
        return received
    }

    func send(_ text: String, to address: SocketAddress) -> Errno? {
        guard let socket else { return .badFileDescriptor }
        let outbox = DatagramOutbox(capacity: 1, byteCapacity: 65_535)
        // Safe: a UInt8 has no padding that would be uninitialized.
        _ = unsafe outbox.append(text.utf8Span.span.bytes, to: address)
        return kernel.sendDatagrams(socket, outbox).errno
    }

    func join(_ group: SocketAddress) {
        guard let socket else { return }
        let loopback = unsafe if_nametoindex("lo")
        _ = kernel.setMulticast(.join, group, interface: loopback, of: socket)
        _ = kernel.setMulticast(.sendThrough, group, interface: loopback, of: socket)
    }

    func close() {
        if let socket { _ = kernel.close(socket) }
        socket = nil
    }
}
