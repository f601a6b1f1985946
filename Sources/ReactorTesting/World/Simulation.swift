// A complete world in memory: a loop on the simulated kernel, its clients, and the list of violations. Everything
// follows from the seed.

public import Reactor

/// A simulated world: an event loop with its kernel, its network and its clients, all derived from one seed.
///
///     let world = try Simulation(seed: 42, faults: .harsh)
///     try world.listen { _ in Echo() }
///     let client = world.connect()
///     client.write("hello")
///     try world.run { client.text == "hello" }
///     try world.check()
///
/// Virtual time passes only while the loop waits, so an hour takes milliseconds. The same seed gives exactly the same
/// run, as ``trace`` shows.
public final class Simulation {
    /// The seed of this world.
    public let seed: UInt64
    /// The kernel of this world.
    public let kernel: SimulatedKernel
    /// The back end that the loop started with.
    public let backend: Backend
    /// The loop under test.
    public let loop: EventLoop
    /// The worker pool that does the loop's blocking work in virtual time.
    public let workers: SimulatedWorkers
    /// The clients, in order of creation.
    public private(set) var clients: [SimulatedClient] = []
    /// The handlers of all connections accepted by listeners of this world, in order.
    public private(set) var handlers: [ObservedHandler] = []
    /// The handlers of all datagram sockets created through this world, in order.
    public internal(set) var datagramHandlers: [ObservedDatagramHandler] = []
    /// The address of the first listener.
    public private(set) var address: SocketAddress?
    private var random: SeededGenerator

    /// Creates a world.
    ///
    /// - Parameters:
    ///   - seed: the seed that determines the run.
    ///   - faults: the probabilities of random faults. Default: none.
    ///   - backend: the loop's back end. Default: epoll, level-triggered.
    ///   - traceLength: the number of events that the trace keeps. Default: 100.
    ///   - prepare: called with the kernel before the loop is created.
    /// - Throws: ``SocketError`` when a planned fault prevents the loop from being created.
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

    /// The record of the run so far.
    public var trace: Trace { kernel.trace }
    /// The current virtual time.
    public var now: MonotonicTime { kernel.now() }

    /// Listens on an address, with an observed handler for each connection.
    ///
    /// A call that fails for lack of resources is retried, so that random faults do not end the test.
    ///
    /// - Throws: ``SocketError`` when listening fails for another reason, or 100 times in a row.
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

    /// Wraps the handler of a connection that the loop itself makes, so that it is observed like those of accepted
    /// connections.
    public func observe(_ handler: any ConnectionHandler) -> ObservedHandler {
        let observed = ObservedHandler(handler)
        handlers.append(observed)
        return observed
    }

    /// Connects a simulated client, by default to the first listener.
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
    /// - Parameters:
    ///   - time: the virtual time within which the condition must hold. Default: 60 s.
    ///   - condition: evaluated before every turn of the loop, and whenever the loop sleeps.
    /// - Throws: ``SimulationFailure`` when the condition does not hold within `time`, or when no event is pending that
    ///   could make it hold; and whatever the loop throws.
    public func run(within time: Duration = .seconds(60), until condition: () -> Bool) throws {
        let end = now.advanced(by: time)
        kernel.after(time) {}
        try withoutActuallyEscaping(condition) { condition in
            kernel.endsSleep = { [kernel] in condition() || kernel.now() >= end }
            defer { kernel.endsSleep = nil }
            while !condition() {
                if now >= end { throw failure("the condition did not hold within \(time)") }
                if kernel.isDeadlocked { throw failure("no event is pending, and the condition does not hold") }
                try loop.turn()
            }
        }
    }

    /// Runs the loop for a span of virtual time.
    public func run(for time: Duration) throws {
        let end = now.advanced(by: time)
        kernel.after(time) {}  // an event at the end, or the loop would sleep past it
        try run(within: time + .seconds(1)) { kernel.now() >= end }
    }

    /// Runs the loop until it is stopped, and shuts it down, as `EventLoop.run()` does.
    public func runToEnd() throws { try loop.run() }

    // MARK: Checking

    /// All contract violations so far: by the program towards the kernel, and by the framework towards the handlers.
    public var violations: [String] {
        kernel.violations
            + handlers.enumerated().flatMap { index, handler in
                handler.violations.map { "connection \(index): \($0)" }
            }
            + datagramHandlers.enumerated().flatMap { index, handler in
                handler.violations.map { "datagram socket \(index): \($0)" }
            }
    }

    /// Shuts the loop down, lets the network settle, and checks the outcome.
    ///
    /// Every descriptor was closed exactly once; every established connection received `closed` exactly once and last;
    /// the loop never spun.
    ///
    /// - Throws: ``SimulationFailure`` with all violations.
    public func check() throws {
        loop.shutdown()
        kernel.settle(for: .seconds(10))
        var faults = violations
        if kernel.lateNotifications > 0 { faults.append("the wake-up eventfd was written after it was closed") }
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

    /// Returns a failure of this world, with its seed and its last events.
    public func failure(_ text: String) -> SimulationFailure {
        SimulationFailure(seed: seed, backend: backend, reason: text, lastEvents: trace.lines)
    }
}

/// A violation or an unmet condition in a simulated world.
public struct SimulationFailure: Error, CustomStringConvertible {
    /// The seed that reproduces the failure.
    public let seed: UInt64
    /// The back end that the loop started with.
    public let backend: Backend
    /// A description of what went wrong.
    public let reason: String
    /// The last lines of the trace.
    public let lastEvents: [String]

    /// The seed, the back end, the reason and the last events, on several lines.
    public var description: String {
        "seed \(seed), \(backend):\n  \(reason)\nlast events:\n  " + lastEvents.joined(separator: "\n  ")
    }
}
