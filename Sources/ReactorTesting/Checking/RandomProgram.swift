// A random program and the reference model that checks it: what each side must have received of what the other side
// sent.
//
//     random phase: clients and handlers act at random -> settling: disruptive operations and faults stop, every
//     connection runs to its end -> final check: every byte and every callback must be accounted for

public import Reactor

/// A random program derived from a seed: connects, writes, pauses, half-closes, resets, closes inside callbacks,
/// timers, changes of the selector, and stops, under all kinds of faults.
///
/// ``run(on:)`` runs the program and throws on any violation of the reference model. The same seed gives the same
/// program.
public final class RandomProgram {
    /// The seed of the program.
    public let seed: UInt64
    private var random: SeededGenerator
    private(set) var world: Simulation?
    private(set) var isSettling = false
    var violations: [String] = []
    var limits = Limits()
    var faults = Faults.none

    final class Peer {
        let client: SimulatedClient
        var written = 0
        var finished = false
        var wasRude = false
        init(_ client: SimulatedClient) { self.client = client }
    }

    var peers: [Int: Peer] = [:]
    var servers: [Int: ProgramHandler] = [:]
    var connectors: [Int: ProgramHandler] = [:]
    private var failedConnects = 0

    /// The number of trailing events that a failure includes. Default: 300.
    public var traceLength = 300

    /// Creates the program of a seed.
    public init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed ^ 0x5052_4f47)
    }

    /// Runs the program on a back end.
    ///
    /// - Returns: The digest of the trace, equal for equal seeds and back ends.
    /// - Throws: ``SimulationFailure`` with every violation.
    @discardableResult
    public func run(on backend: Backend) throws -> UInt64 {
        chooseSurroundings()
        let world = try Simulation(seed: seed, faults: faults, backend: backend, traceLength: traceLength) { kernel in
            kernel.sendBuffer = random.pick([2048, 16_384, 65_536])
            kernel.receiveBuffer = random.pick([80, 700, 16_384, 65_536])
            if random.chance(0.1) { kernel.descriptorMaximum = random.number(in: 10...14) }
        }
        self.world = world
        defer { self.world = nil }
        let listener = try world.listen(limits: limits) { [unowned self] connection in
            let number = Int(connection.peer.port) - Self.firstPort
            let handler = ProgramHandler(self, number: number, isServer: true)
            servers[number] = handler
            return handler
        }
        let stops = random.chance(0.1)
        let listenerCloses = random.chance(0.1)
        for number in 0..<random.number(in: 1...6) { plan(number) }
        addTimers()
        addSwitches()
        if listenerCloses { later(random.number(in: 0...100_000)) { listener.close() } }
        try world.run(for: .microseconds(random.number(in: 10_000...300_000)))
        if stops {
            if random.chance(0.5) { world.loop.drain(within: .milliseconds(100)) }
            later(50_000) { world.loop.stop() }
            try world.runToEnd()
        } else {
            try settle()
        }
        try world.check()
        checkAll(stopped: stops || listenerCloses)
        if !violations.isEmpty { throw world.failure(violations.joined(separator: "\n  ")) }
        return world.trace.digest
    }

    // MARK: The random phase

    private static let firstPort = 20_000

    private func chooseSurroundings() {
        faults = random.pick([.none, .mild, .mild, .harsh])
        if random.chance(0.5) { faults.reset = 0 }
        limits.outputLowWatermark = random.pick([0, 100, 4096, 32_768])
        limits.outputHighWatermark = limits.outputLowWatermark + random.pick([0, 500, 32_768])
        limits.outputLimit = limits.outputHighWatermark + random.pick([8192, 65_536, 1_000_000])
        limits.receivesPerTurn = random.pick([1, 2, 16])
        limits.bytesReceivedPerTurn = random.pick([1, 5000, 262_144])
        limits.bytesSentPerTurn = random.pick([1000, 262_144])
        limits.acceptsPerTurn = random.pick([1, 64])
        limits.backlog = random.pick([0, 2, 511])
        limits.pressurePolicy = seed % 4 == 0 ? .reportsOnly : .pausesReading
    }

    /// Schedules an action on the loop after a number of microseconds.
    func later(_ microseconds: Int, _ action: @escaping () -> Void) {
        guard let loop = world?.loop, !loop.isShutDown else { return }
        loop.schedule(after: .microseconds(microseconds), action)
    }

    private func plan(_ number: Int) {
        let begin = random.number(in: 0...30_000)
        if random.chance(0.2) {
            later(begin) { [unowned self] in connect(number) }
        } else {
            world?.kernel.after(.microseconds(begin)) { [unowned self] in addClient(number) }
        }
    }

    private static func address(_ number: Int) -> SocketAddress { .loopback(port: UInt16(firstPort + number)) }

    private func connect(_ number: Int) {
        guard let world, !isSettling, let address = world.address else { return }
        // Two ends that each stop reading until the other one reads would deadlock, and that would not be the
        // framework's fault.
        var limits = limits
        limits.outputHighWatermark = 1 << 20
        limits.outputLimit = 1 << 22
        do {
            let connector = try world.loop.connect(
                to: address, from: Self.address(number), timeout: .seconds(5), limits: limits,
                handler: { [unowned self] _ in
                    let handler = ProgramHandler(self, number: number, isServer: false)
                    connectors[number] = handler
                    return world.observe(handler)
                },
                failed: { [unowned self] _ in failedConnects += 1 })
            if random.chance(0.1) { later(random.number(in: 0...100)) { connector.cancel() } }
        } catch {
            failedConnects += 1
        }
    }

    private func addClient(_ number: Int) {
        guard let world, !isSettling else { return }
        let peer = Peer(world.connect(from: Self.address(number)))
        peers[number] = peer
        for _ in 0..<random.number(in: 1...8) {
            world.kernel.after(.microseconds(random.number(in: 0...80_000))) { [unowned self] in act(number, peer) }
        }
        give(number, peer, 1)
    }

    private func give(_ number: Int, _ peer: Peer, _ count: Int) {
        guard !peer.finished else { return }
        var left = count
        while left > 0 {
            let piece = StreamPattern.slice(number * 2 + 1, from: peer.written, count: left)
            peer.client.write(Array(piece))
            peer.written += piece.count
            left -= piece.count
        }
    }

    private func act(_ number: Int, _ peer: Peer) {
        if isSettling { return }
        switch random.below(20) {
        case 0...9: give(number, peer, random.pick([1, 100, 3000, 15_000]))
        case 10...11: peer.client.stall()
        case 12...14: peer.client.resume()
        case 15: finish(peer)
        case 16:
            peer.wasRude = true
            peer.finished = true
            peer.client.reset()
        case 17:
            peer.wasRude = true
            peer.finished = true
            peer.client.close()
        default: peer.client.pace = .microseconds(random.number(in: 0...500))
        }
    }

    private func finish(_ peer: Peer) {
        if peer.finished { return }
        peer.finished = true
        peer.client.closeWrite()
    }

    /// Performs an operation on another connection, inside a handler's own callback.
    func actOnAnother(than number: Int, _ random: inout SeededGenerator) {
        let others = (servers.keys.sorted().compactMap { servers[$0] }).filter { $0.number != number }
        guard !others.isEmpty else { return }
        let other = random.pick(others)
        switch random.below(5) {
        case 0: other.connection?.close()
        case 1: other.connection?.abort()
        case 2: other.pause(for: 5000)
        case 3: other.connection?.closeWrite()
        default: other.write(1000)
        }
    }

    /// Switches the loop to another selector; on failure, the loop must keep the old one in full.
    func switchBackend(_ random: inout SeededGenerator) {
        guard let loop = world?.loop else { return }
        let (before, wanted) = (loop.backend, random.pick(Backend.all))
        do {
            try loop.switch(to: wanted)
            if loop.backend != wanted { violate("it is \(loop.backend) after a switch to \(wanted)") }
        } catch {
            if loop.backend != before { violate("it is \(loop.backend) after a refused switch to \(wanted)") }
            if faults.failingRegistration == 0 && world?.kernel.descriptorMaximum == 20_000 && !loop.isShutDown {
                violate("a switch was refused without a cause: \(error)")
            }
        }
    }

    private func addSwitches() {
        for _ in 0..<random.pick([0, 0, 1, 3, 10]) {
            later(random.number(in: 0...100_000)) { [unowned self] in switchBackend(&random) }
        }
    }

    /// Adds timers that check that none fires early or out of order.
    private func addTimers() {
        guard let world else { return }
        var last = MonotonicTime(nanoseconds: 0)
        for _ in 0..<random.number(in: 0...5) {
            let due = world.now.advanced(by: .microseconds(random.number(in: 0...100_000)))
            world.loop.schedule(after: world.now.duration(to: due)) { [unowned self] in
                if world.now < due { violate("a timer fired early") }
                if due < last { violate("timers fired out of order") }
                last = due
            }
        }
    }

    // MARK: Settling

    private func settle() throws {
        guard let world else { return }
        isSettling = true
        world.kernel.faults = .none
        world.kernel.descriptorMaximum = 20_000
        for number in servers.keys.sorted() { servers[number]?.resume() }
        for number in connectors.keys.sorted() {
            connectors[number]?.resume()
            connectors[number]?.connection?.closeWrite()
        }
        for number in peers.keys.sorted() {
            guard let peer = peers[number] else { continue }
            peer.client.readSize = 65536
            peer.client.pace = .zero
            peer.client.resume()
            finish(peer)
        }
        // A connect to a full backlog is retried after 1, 2, 4 ... seconds.
        do {
            try world.run(within: .seconds(50)) {
                world.handlers.allSatisfy { $0.reason != nil || !$0.wasConnected }
                    && peers.values.allSatisfy { $0.client.isOver }
            }
        } catch let failure as SimulationFailure {
            throw world.failure(failure.reason + "; still open: " + remaining)
        }
    }

    /// The clients and connections that have not ended, for failure reports.
    private var remaining: String {
        let clients = peers.keys.sorted().compactMap { number in
            peers[number].flatMap { $0.client.isOver ? nil : "client \(number) (\($0.client.state))" }
        }
        let handlers =
            (servers.keys.sorted().compactMap { servers[$0] }
            + connectors.keys.sorted().compactMap { connectors[$0] })
            .compactMap { $0.reason == nil && $0.connection != nil ? "connection \($0.description)" : nil }
        return (clients + handlers).joined(separator: ", ")
    }
}
