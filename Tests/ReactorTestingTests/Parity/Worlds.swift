// The two worlds that parity programs run in: the simulated kernel without faults, and Linux on the loopback interface.
// Both are driven by the test's own thread, and both give up after a bounded time.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import Testing

extension SimulatedClient: ParityClient {}

/// The simulated kernel, where nothing goes wrong by chance.
final class SimulatedWorld: ParityWorld {
    private let simulation: Simulation
    private(set) var handlers: [ScriptedHandler] = []
    let deadAddress = SocketAddress.loopback(port: 9)

    init(_ backend: Backend) throws {
        simulation = try Simulation(seed: 1, backend: backend)
    }

    var loop: EventLoop { simulation.loop }
    var clients: [any ParityClient] { simulation.clients }

    func listen(limits: Limits, _ script: @escaping (ScriptedHandler) -> Void) throws {
        try simulation.listen(limits: limits) { [unowned self] _ in
            let handler = ScriptedHandler()
            script(handler)
            handlers.append(handler)
            return handler
        }
    }

    func connect(to address: SocketAddress?) throws -> any ParityClient { simulation.connect(to: address) }

    func run(until condition: () -> Bool) throws { try simulation.run(until: condition) }

    func file(_ contents: [UInt8]) -> OwnedDescriptor { OwnedDescriptor(simulation.kernel.openFile(contents)) }

    /// Time is enough: without faults everything arrives within milliseconds.
    func letArrive(_ events: Int16, at connection: Connection) { simulation.kernel.settle(for: .milliseconds(50)) }

    func end() throws { try simulation.check() }
}

/// Linux, on the loopback interface.
final class RealWorld: ParityWorld {
    let loop: EventLoop
    private(set) var handlers: [ScriptedHandler] = []
    private var sockets: [SocketClient] = []
    private var address: SocketAddress?
    let deadAddress: SocketAddress

    init(_ backend: Backend) throws {
        loop = try EventLoop(backend: backend)
        // A port that was free a moment ago: the kernel hands them out at random, so that nobody else has it so soon.
        let listener = try loop.listen(on: .loopback(port: 0)) { _ in ScriptedHandler() }
        deadAddress = listener.address
        listener.close()
    }

    deinit { loop.shutdown() }

    var clients: [any ParityClient] { sockets }

    func listen(limits: Limits, _ script: @escaping (ScriptedHandler) -> Void) throws {
        let listener = try loop.listen(on: .loopback(port: 0), limits: limits) { [unowned self] _ in
            let handler = ScriptedHandler()
            script(handler)
            handlers.append(handler)
            return handler
        }
        address = listener.address
    }

    func connect(to address: SocketAddress?) throws -> any ParityClient {
        let client = SocketClient(to: try #require(address ?? self.address))
        sockets.append(client)
        return client
    }

    /// A tick of 2 ms wakes the loop to look at the clients, which it does not know of.
    func run(until condition: () -> Bool) throws {
        let end = ContinuousClock.now + .seconds(10)
        let tick = loop.schedule(after: .zero, repeating: .milliseconds(2)) {}
        defer { loop.cancel(tick) }
        while !condition() {
            if ContinuousClock.now >= end { throw NotInTime(account: account) }
            try loop.turn()
            for client in sockets { client.step() }
        }
    }

    func file(_ contents: [UInt8]) throws -> OwnedDescriptor {
        var name = Array("/tmp/reactor-parity-XXXXXX".utf8CString)
        let descriptor = unsafe mkstemp(&name)
        unsafe unlink(name)
        try #require(unsafe Glibc.write(descriptor, contents, contents.count) == contents.count)
        return OwnedDescriptor(FileDescriptor(rawValue: descriptor))
    }

    func letArrive(_ events: Int16, at connection: Connection) throws {
        var entry = pollfd(fd: try #require(connection.fileDescriptor).rawValue, events: events, revents: 0)
        if unsafe poll(&entry, 1, 5000) != 1 { throw NotInTime(account: account) }
    }

    func end() { loop.shutdown() }
}

/// A condition did not come to hold.
struct NotInTime: Error { let account: Account }
