// A proxy and its upstreams in one simulated world: the upstreams listen on the same loop, under addresses of their own.

import Reactor
import ReactorTesting
import Synchronization

@testable import Demos

/// Collects the proxy's reports.
final class ReportedLines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

/// A simulated world with a proxy on port 7793 and upstreams on ports 9001 and up.
final class ProxyWorld {
    let simulation: Simulation
    let table: UpstreamTable
    let proxy: ProxyServer
    let reports = ReportedLines()
    private var checks: HealthChecks?

    init(
        _ upstreams: [UpstreamAddress], seed: UInt64 = 1, faults: Faults = .none, backend: Backend = .epoll(),
        limits: Limits = Limits(), _ adjust: (inout ProxyOptions) -> Void = { $0.healthInterval = nil }
    ) throws {
        simulation = try Simulation(seed: seed, faults: faults, backend: backend)
        var options = ProxyOptions()
        options.limits = limits
        adjust(&options)
        table = UpstreamTable(upstreams, options) { [reports] in reports.add($0) }
        proxy = ProxyServer(on: simulation.loop, table)
        try simulation.listen(on: .loopback(port: 7793), limits: limits) { [proxy] _ in proxy.session() }
        if options.healthInterval != nil { checks = HealthChecks(on: simulation.loop, table) }
    }

    /// A world with upstreams on the first ports from 9001.
    convenience init(
        ports count: Int, seed: UInt64 = 1, backend: Backend = .epoll(),
        _ adjust: (inout ProxyOptions) -> Void = { $0.healthInterval = nil }
    ) throws {
        try self.init((1...count).map { Self.address($0) }, seed: seed, backend: backend, adjust)
    }

    static func address(_ number: Int, weight: Int = 1) -> UpstreamAddress {
        UpstreamAddress("127.0.0.1:\(9000 + number)", weight: weight)
    }

    /// Makes an upstream listen.
    @discardableResult
    func serve(_ number: Int, _ handler: @escaping () -> any ConnectionHandler) throws -> Listener {
        try simulation.loop.listen(on: .loopback(port: UInt16(9000 + number))) { _ in handler() }
    }

    /// Makes an upstream listen that sends its number and echoes.
    @discardableResult
    func serveNumber(_ number: Int) throws -> Listener { try serve(number) { NumberedEcho("\(number)") } }

    func connect() -> SimulatedClient { simulation.connect(to: .loopback(port: 7793)) }

    /// Connects a client and returns what the upstream sent first.
    func firstText() throws -> String {
        let client = connect()
        try run { !client.received.isEmpty || client.isOver }
        let text = client.text
        client.close()
        return text
    }

    func run(until condition: () -> Bool) throws { try simulation.run(until: condition) }

    /// The number of connections that are counted as open.
    var open: Int { table.upstreams.reduce(0) { $0 + $1.connections } }
}

/// Sends its name when a client connects, then echoes.
final class NumberedEcho: ConnectionHandler {
    private let name: String
    init(_ name: String) { self.name = name }
    func connected(_ connection: Connection) { connection.write(name) }
    func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
    /// Goes on until its peer ends.
    func draining(_ connection: Connection) {}
}

/// Keeps everything it receives and replies only at the end of the stream.
final class LateReply: ConnectionHandler {
    var bytes: [UInt8] = []
    func received(_ bytes: RawSpan, on connection: Connection) { self.bytes += Array(bytes) }
    func ended(_ connection: Connection) {
        connection.write("received \(bytes.count)")
        connection.close()
    }
}
