// The server end of outgoing connections, scripted by the test. Like a client, it has no loop and no descriptor.
//
//     listening --stop()--> refusing --start()--> listening
//         |
//         +--accepts--> a peer for each connection, which the script drives
//         +--hangs----> connections are established by the kernel's backlog and never accepted

public import Reactor
import SystemPackage

/// A scripted server of a simulated world, for tests of outgoing connections.
///
/// Created by ``Simulation/serve(on:backlog:_:)``. A server that replies to each request, and closes after the second:
///
///     let upstream = world.serve(on: .loopback(port: 6379)) { peer in
///         peer.onReceived = { peer in
///             peer.write("+PONG\\r\\n")
///             if peer.received.count >= 12 { peer.close() }
///         }
///     }
///
/// A server that is slow, ends its stream, or resets:
///
///     peer.pace = .milliseconds(10)                       // reads slowly
///     peer.after(.seconds(1)) { $0.closeWrite() }         // half-closes after a second
///     peer.reset()                                        // resets as soon as it has accepted
///
/// To drop connection requests altogether, see ``SimulatedRoute/dead``.
public final class SimulatedServer {
    /// The address that it listens on.
    public let address: SocketAddress
    /// The accepted connections, in order.
    public private(set) var peers: [SimulatedPeer] = []
    /// Whether connections are accepted. While `false`, they are established by the backlog, and nothing is read or
    /// written; beyond the backlog, requests are dropped. Default: `true`.
    public var isAccepting = true { didSet { acceptSoon() } }

    private unowned let kernel: SimulatedKernel
    private let backlog: Int
    private let script: (SimulatedPeer) -> Void
    private var socket: SimulatedSocket?
    private var isStepping = false

    init(
        _ kernel: SimulatedKernel, on address: SocketAddress, backlog: Int, _ script: @escaping (SimulatedPeer) -> Void
    ) {
        var address = address
        if !address.isUnix && address.port == 0 { address.port = kernel.freePort() }
        self.kernel = kernel
        self.address = address
        self.backlog = backlog
        self.script = script
        start()
    }

    /// Whether it listens. When it does not, connections are refused.
    public var isListening: Bool { socket != nil }

    /// Listens again after ``stop()``.
    public func start() {
        guard socket == nil else { return }
        let socket = kernel.newSocket()
        if address.isUnix {
            let result = kernel.bindUnix(socket, to: address)
            precondition(result.succeeded, "\(address) is in use")
        } else {
            precondition(!kernel.listeners.contains { $0.takes(address) }, "\(address) is in use")
            socket.local = address
        }
        socket.phase = .listening
        socket.backlog = backlog
        kernel.listeners.append(socket)
        socket.onWake = { [weak self] in self?.acceptSoon() }
        self.socket = socket
    }

    /// Stops listening: connections are refused, and those that were not accepted are reset. Accepted ones go on.
    public func stop() {
        socket?.onWake = nil
        socket?.released()
        socket = nil
    }

    /// Resets all accepted connections and stops listening, as a server that crashes does.
    public func crash() {
        stop()
        for peer in peers where !peer.isOver { peer.reset() }
    }

    private func acceptSoon() {
        if isStepping || !isAccepting { return }
        isStepping = true
        kernel.clock.after(1000) { [weak self] in
            self?.isStepping = false
            self?.accept()
        }
    }

    private func accept() {
        while isAccepting, let socket, !socket.accepting.isEmpty {
            let peer = SimulatedPeer(kernel, socket.accepting.removeFirst())
            if kernel.random.chance(kernel.faults.slowPeer) {
                peer.readSize = kernel.random.number(in: 1...2048)
                peer.pace = .microseconds(kernel.random.number(in: 10...2000))
            }
            if kernel.random.chance(kernel.faults.stuckPeer) { peer.stall() }
            peers.append(peer)
            script(peer)
            peer.stepSoon()  // bytes may have arrived before it was accepted
        }
    }
}

extension Simulation {
    /// Starts a scripted server on the simulated network, for outgoing connections of the program.
    ///
    /// - Parameters:
    ///   - address: the address to listen on; for port 0 one is chosen, see ``SimulatedServer/address``.
    ///   - backlog: the number of connections that may wait to be accepted. Default: 128.
    ///   - script: called with each accepted connection.
    /// - Returns: The server. It serves for as long as it is referenced.
    public func serve(
        on address: SocketAddress, backlog: Int = 128, _ script: @escaping (SimulatedPeer) -> Void = { _ in }
    ) -> SimulatedServer {
        SimulatedServer(kernel, on: address, backlog: backlog, script)
    }
}
