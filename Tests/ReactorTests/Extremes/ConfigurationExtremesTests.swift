// Every number of every configuration at its extremes, and then used: what listens, connects and echoes with it may refuse
// or end, but it neither traps nor spins, and it takes no memory out of proportion.

import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct ConfigurationExtremesTests {
    // MARK: Limits

    private static let limits: [Setting<Limits>] = [
        Setting("connections", \.connections), Setting("connectionsPerAddress", \.connectionsPerAddress),
        Setting("backlog", \.backlog), Setting("acceptsPerTurn", \.acceptsPerTurn), Setting("idleTime", \.idleTime),
        Setting("firstMessageTime", \.firstMessageTime), Setting("writeStallTime", \.writeStallTime),
        Setting("lingerTime", \.lingerTime), Setting("receivesPerTurn", \.receivesPerTurn),
        Setting("bytesReceivedPerTurn", \.bytesReceivedPerTurn), Setting("messagesPerTurn", \.messagesPerTurn),
        Setting("bytesSentPerTurn", \.bytesSentPerTurn), Setting("outputLowWatermark", \.outputLowWatermark),
        Setting("outputHighWatermark", \.outputHighWatermark), Setting("outputLimit", \.outputLimit),
        Setting("lingerBytes", \.lingerBytes), Setting("readRate", \.readRate), Setting("writeRate", \.writeRate),
        Setting("userTimeout", \.userTimeout), Setting("sendBuffer", \.sendBuffer),
        Setting("receiveBuffer", \.receiveBuffer), Setting("keepAlive.idle", \.keepAlive!.idle),
        Setting("keepAlive.interval", \.keepAlive!.interval), Setting("keepAlive.count", \.keepAlive!.count),
    ]

    @Test func everyLimitIsInTheTable() {
        expectComplete(
            Self.limits, of: Limits(),
            apart: [Bool.self, PressurePolicy.self, FilePermissions?.self, Limits.KeepAlive?.self])
        expectComplete(Self.limits, of: Limits.KeepAlive(), prefix: "keepAlive.", apart: [])
    }

    @Test(arguments: Backend.all, limits) func aServerWithExtremeLimits(_ backend: Backend, _ setting: Setting<Limits>)
        throws
    {
        for change in setting.changes {
            var limits = Limits()
            change.apply(&limits)
            let world = try Simulation(seed: 1, backend: backend)
            try world.listen(limits: limits) { _ in Echo() }
            let client = world.connect()
            client.write("hello")
            // And on the connecting side.
            var (reply, isOver) = ("", false)
            let own = Client(received: { reply += $0 }, closed: { isOver = true })
            try world.loop.connect(
                to: world.address!, limits: limits, handler: { _ in world.observe(own) }, failed: { _ in isOver = true }
            )
            try world.run(within: .seconds(200)) {
                (client.text == "hello" || client.isOver) && (reply == "hello" || isOver)
            }
            client.closeWrite()
            try world.run(for: .milliseconds(100))
            try world.check()
        }
    }

    @Test(arguments: limits.filter { !$0.label.hasSuffix("Rate") }) func onTheRealKernelToo(_ setting: Setting<Limits>)
        throws
    {
        for change in setting.changes {
            var limits = Limits()
            change.apply(&limits)
            let loop = try EventLoop()
            defer { loop.shutdown() }
            let listener = try loop.listen(on: "127.0.0.1:0", limits: limits) { _ in Echo() }
            var (reply, isOver) = ("", false)
            let client = Client(received: { reply += $0 }, closed: { isOver = true })
            try loop.connect(
                to: listener.address, limits: limits, handler: { _ in client }, failed: { _ in isOver = true })
            var isLate = false
            let timer = loop.schedule(after: .seconds(20)) { isLate = true }
            while reply != "hello" && !isOver && !isLate { try loop.turn() }
            loop.cancel(timer)
            #expect(!isLate, "\(change.value)")
        }
    }

    // MARK: Datagrams

    private static let datagrams: [Setting<DatagramOptions>] = [
        Setting("datagramSize", \.datagramSize), Setting("batchSize", \.batchSize),
        Setting("datagramsPerTurn", \.datagramsPerTurn), Setting("queuedDatagrams", \.queuedDatagrams),
        Setting("queuedBytes", \.queuedBytes), Setting("receiveBuffer", \.receiveBuffer),
        Setting("sendBuffer", \.sendBuffer), Setting("multicastHops", \.multicastHops),
        Setting("answers.returnedPerSecond", \.replies.returnedPerSecond),
        Setting("answers.returnedBurst", \.replies.returnedBurst), Setting("answers.perSecond", \.replies.perSecond),
    ]

    @Test func everyDatagramOptionIsInTheTable() {
        expectComplete(
            Self.datagrams, of: DatagramOptions(),
            apart: [Bool.self, Bool?.self, NetworkInterface?.self, ReplyLimits.self])
        expectComplete(Self.datagrams, of: ReplyLimits(), prefix: "answers.", apart: [Bool.self])
    }

    @Test(arguments: datagrams) func aSocketWithExtremeOptions(_ setting: Setting<DatagramOptions>) throws {
        for change in setting.changes {
            var options = DatagramOptions()
            change.apply(&options)
            for backend in Backend.all {
                let world = try Simulation(seed: 1, backend: backend)
                let socket = try world.bindDatagrams(options: options, handler: DatagramEcho())
                let peer = world.datagramPeer()
                peer.send("x", to: socket.address)
                try world.run { peer.received.count == 1 }
                try world.check()
            }
            let loop = try EventLoop()
            defer { loop.shutdown() }
            let echo = try loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: DatagramEcho())
            let asking = try loop.connectDatagrams(to: echo.address, options: options, handler: Silent())
            asking.send("x")
            var isLate = false
            let timer = loop.schedule(after: .seconds(20)) { isLate = true }
            while asking.statistics.received == 0 && !isLate { try loop.turn() }
            loop.cancel(timer)
            #expect(!isLate, "\(change.value)")
        }
    }

    // MARK: Connecting, and coming back

    private static let connecting: [Setting<ConnectOptions>] = [
        Setting("timeout", \.timeout), Setting("attemptDelay", \.attemptDelay),
    ]

    @Test func everyConnectOptionIsInTheTable() {
        expectComplete(
            Self.connecting, of: ConnectOptions(), apart: [ConnectOptions.FirstFamily.self, SocketAddress?.self])
    }

    @Test(arguments: Backend.all, connecting) func aConnectWithExtremeOptions(
        _ backend: Backend, _ setting: Setting<ConnectOptions>
    ) throws {
        for change in setting.changes {
            var options = ConnectOptions()
            change.apply(&options)
            let world = try Simulation(seed: 1, backend: backend)
            try world.listen { _ in Echo() }
            let resolver = SimulatedResolver(["here": [.ipv4(127, 0, 0, 9, port: 0), .loopback(port: 0)]])
            world.loop.resolver = resolver
            var outcome = ""
            try world.loop.connect(
                to: "here:7788", options: options,
                handler: { _ in world.observe(Client(received: { outcome = $0 }, closed: { outcome = "closed" })) },
                failed: { outcome = "\($0)" })
            try world.run { !outcome.isEmpty }
            try world.check()
        }
    }

    private static let backoff: [Setting<Backoff>] = [
        Setting("initial", \.initial), Setting("maximum", \.maximum), Setting("resetAfter", \.resetAfter),
    ]

    @Test func everyBackoffIsInTheTable() {
        expectComplete(Self.backoff + [.failures], of: Backoff(), apart: [])
    }

    @Test(arguments: backoff) func pausesAreWithinTheirBounds(_ setting: Setting<Backoff>) throws {
        for change in setting.changes {
            var backoff = Backoff()
            change.apply(&backoff)
            var random = SeededGenerator(seed: 1)
            for _ in 0..<200 {
                let delay = backoff.nextDelay(using: &random)
                #expect(delay >= .zero && delay <= max(.zero, backoff.maximum), "\(change.value)")
            }
            let world = try Simulation(seed: 1)
            var failures = 0
            let reconnector = try world.loop.keepConnected(
                to: "127.0.0.1:7788", backoff: backoff, handler: { _ in Echo() }, failed: { _, _ in failures += 1 })
            try world.run { failures > 0 }
            reconnector.stop()
            try world.check()
        }
    }

    // MARK: Servers

    @Test(arguments: Extremes.integers) func aServerHasOneToAThousandLoops(_ loops: Int) throws {
        let server = try TCPServer(on: "127.0.0.1:0", loops: loops)
        if loops <= 1 {
            let listening = try server.listen { _ in Echo() }
            listening.shutdown()
            #expect(listening.finalStatistics.loops.count == 1)
        } else {
            let error = #expect(throws: SocketError.self) { try server.listen { _ in Echo() } }
            #expect("\(error!)".contains("\(loops) loops"))
        }
    }

    @Test(arguments: Extremes.durations) func aProxyHeaderMayTakeAnyTime(_ time: Duration) throws {
        let world = try Simulation(seed: 1)
        var server = TCPServer(on: .loopback(port: 7788))
        var proxies = ProxyProtocol(trusting: [try IPNetwork("127.0.0.0/8")])
        proxies.headerTime = time
        server.proxyProtocol = proxies
        let listening = try server.listen(on: world.loop, preparing: { _ in { _ in Echo() } })
        let client = world.connect(to: listening.address)
        client.write("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello")
        try world.run { client.text == "hello" || client.isOver }
        try world.check()
    }

    private final class Echo: ConnectionHandler {
        func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
    }

    private final class Client: ConnectionHandler {
        private let onReceived: (String) -> Void
        private let onClosed: () -> Void

        init(received: @escaping (String) -> Void, closed: @escaping () -> Void) {
            onReceived = received
            onClosed = closed
        }

        func connected(_ connection: Connection) { connection.write("hello") }
        func received(_ bytes: RawSpan, on connection: Connection) {
            var text = ""
            for offset in 0..<bytes.byteCount { text.unicodeScalars.append(UnicodeScalar(bytes.byte(at: offset))) }
            onReceived(text)
        }
        func closed(_ connection: Connection, reason: CloseReason) { onClosed() }
    }

    private final class DatagramEcho: DatagramHandler {
        func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
            socket.send(bytes, to: peer)
        }
    }

    private final class Silent: DatagramHandler {
        func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {}
    }
}

extension Setting<Backoff> {
    /// Counted by the value itself, and set by nobody.
    fileprivate static var failures: Setting { Setting("failures", \.maximum) }
}
