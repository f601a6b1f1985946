// A whole world in memory: a loop on the simulated kernel, the clients that talk to it, and the account of what was not
// as it should be. Everything follows from the seed.

public import Reactor

/// A simulated world: an event loop with its kernel, its network and its clients, all from one seed.
///
///     let world = try Simulation(seed: 42, faults: .harsh)
///     try world.listen { _ in Echo() }
///     let client = world.connect()
///     client.write("hello")
///     try world.run { client.text == "hello" }
///     try world.check()
///
/// Virtual time passes only while the loop waits, so that an hour takes milliseconds. The same seed gives exactly the
/// same run, as ``trace`` shows.
public final class Simulation {
    /// What everything follows from.
    public let seed: UInt64
    /// The kernel of this world.
    public let kernel: SimulatedKernel
    /// The back end that the loop began with.
    public let backend: Backend
    /// The loop that is tested.
    public let loop: EventLoop
    /// Who does the blocking work of the loop, in virtual time.
    public let workers: SimulatedWorkers
    /// The clients, in the order in which they were made.
    public private(set) var clients: [SimulatedClient] = []
    /// The handlers of all connections that listeners of this world accepted, in order.
    public private(set) var handlers: [ObservedHandler] = []
    /// The handlers of all datagram sockets that were made through this world, in order.
    public internal(set) var datagramHandlers: [ObservedDatagramHandler] = []
    /// Where the first listener listens.
    public private(set) var address: SocketAddress?
    private var random: SeededGenerator

    /// Makes a world.
    ///
    /// - Parameters:
    ///   - seed: what everything follows from.
    ///   - faults: what goes wrong by chance.
    ///   - backend: how the loop finds out what is ready.
    ///   - traceLength: how many of the last events the trace keeps.
    ///   - prepare: called with the kernel before the loop is made.
    /// - Throws: ``SocketError`` when a planned fault keeps the loop from being made.
    public init(
        seed: UInt64, faults: Faults = .none, backend: Backend = .epoll(), traceLength: Int = 100,
        prepare: (SimulatedKernel) -> Void = { _ in }
    ) throws(SocketError) {
        self.seed = seed
        self.backend = backend
        kernel = SimulatedKernel(seed: seed, faults: faults, traceLength: traceLength)
        random = SeededGenerator(seed: seed ^ 0x5157_4f52_4c44)
        prepare(kernel)
        loop = try EventLoop(backend: backend, kernel: kernel)
        workers = SimulatedWorkers(kernel: kernel)
        loop.workers = workers
    }

    /// What happened.
    public var trace: Trace { kernel.trace }
    /// The virtual time.
    public var now: MonotonicTime { kernel.now() }

    /// Listens, with an observed handler for each connection. A fault that is there by chance is tried again.
    @discardableResult
    public func listen(
        on address: SocketAddress = .loopback(port: 7788), limits: Limits = Limits(),
        handler: @escaping (Connection) throws -> any ConnectionHandler
    ) throws(SocketError) -> Listener {
        var attempts = 0
        while true {
            do throws(SocketError) {
                let listener = try loop.listen(on: address, limits: limits) { [unowned self] connection in
                    observe(try handler(connection))
                }
                if self.address == nil { self.address = listener.address }
                return listener
            } catch {
                attempts += 1
                if attempts == 100 || error.errno?.faultClass != .resources { throw error }
            }
        }
    }

    /// Observes a handler as those of listeners are; for connections that the loop makes itself.
    public func observe(_ handler: any ConnectionHandler) -> ObservedHandler {
        let observed = ObservedHandler(handler)
        handlers.append(observed)
        return observed
    }

    /// Connects a simulated client, to the first listener unless an address is given.
    @discardableResult
    public func connect(to address: SocketAddress? = nil, from local: SocketAddress? = nil) -> SimulatedClient {
        let client = SimulatedClient(
            kernel, to: address ?? self.address ?? .loopback(port: 7788), from: local)
        if random.chance(kernel.faults.slowPeer) {
            client.readSize = random.number(in: 1...2048)
            client.pace = .microseconds(random.number(in: 10...2000))
        }
        if random.chance(kernel.faults.stuckPeer) { client.stall() }
        clients.append(client)
        return client
    }

    // MARK: Running

    /// Runs the loop until a condition holds.
    ///
    /// - Throws: ``SimulationFailure`` when it does not within `time`, or when nothing is left to happen; and what the
    ///   loop throws.
    public func run(within time: Duration = .seconds(60), until condition: () -> Bool) throws {
        let end = now.advanced(by: time)
        kernel.after(time) {}
        try withoutActuallyEscaping(condition) { condition in
            kernel.endsSleep = { [kernel] in condition() || kernel.now() >= end }
            defer { kernel.endsSleep = nil }
            while !condition() {
                if now >= end { throw failure("not so within \(time)") }
                if kernel.isDeadlocked { throw failure("nothing is left to happen, and it is not so") }
                try loop.turn()
            }
        }
    }

    /// Runs the loop for a time.
    public func run(for time: Duration) throws {
        let end = now.advanced(by: time)
        kernel.after(time) {}  // something has to happen then, or the loop would sleep on
        try run(within: time + .seconds(1)) { kernel.now() >= end }
    }

    /// Runs the loop as its user does, until it is stopped, and shuts it down.
    public func runToEnd() throws { try loop.run() }

    // MARK: Checking

    /// Everything that was not as it should be: of the program's dealings with the kernel, and of the framework's with
    /// the handlers.
    public var violations: [String] {
        kernel.violations
            + handlers.enumerated().flatMap { index, handler in
                handler.violations.map { "connection \(index): \($0)" }
            }
            + datagramHandlers.enumerated().flatMap { index, handler in
                handler.violations.map { "datagram socket \(index): \($0)" }
            }
    }

    /// Shuts the loop down, lets the network come to rest, and looks whether all is well.
    ///
    /// Every descriptor was closed, exactly once; every connection that was connected was told `closed`, exactly once and
    /// last; the loop never spun.
    /// - Throws: ``SimulationFailure`` with all that is not well.
    public func check() throws {
        loop.shutdown()
        kernel.settle(for: .seconds(10))
        var faults = violations
        if kernel.lateNotifications > 0 { faults.append("the wake-up was written after it was closed") }
        for (index, handler) in handlers.enumerated() where handler.wasConnected && handler.reason == nil {
            faults.append("connection \(index): closed was never called")
        }
        for (index, handler) in datagramHandlers.enumerated() where handler.socket != nil && !handler.isClosed {
            faults.append("datagram socket \(index): closed was never called")
        }
        if kernel.openDescriptorCount != 0 {
            faults.append("\(kernel.openDescriptorCount) descriptors leaked: \(kernel.openDescriptorNames)")
        }
        if !faults.isEmpty { throw failure(faults.joined(separator: "\n  ")) }
    }

    /// A failure of this world, with its seed and its last events.
    public func failure(_ text: String) -> SimulationFailure {
        SimulationFailure(seed: seed, backend: backend, reason: text, lastEvents: trace.lines)
    }
}

/// Something was not as it should be in a simulated world.
public struct SimulationFailure: Error, CustomStringConvertible {
    /// The seed that brings it about again.
    public let seed: UInt64
    /// The back end.
    public let backend: Backend
    /// What was not as it should be.
    public let reason: String
    /// The end of the trace.
    public let lastEvents: [String]

    /// All of it, in lines.
    public var description: String {
        "seed \(seed), \(backend):\n  \(reason)\nlast events:\n  " + lastEvents.joined(separator: "\n  ")
    }
}
