// `reactor proxy`: a TCP proxy and load balancer as a program.

import ArgumentParser
import Demos
import Reactor

struct ProxyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy",
        abstract: "Relay TCP connections to one of several upstream servers.",
        discussion: """
            Try it with:  reactor echo --listen 127.0.0.1:9001 &  reactor echo --listen 127.0.0.1:9002 &
                          reactor proxy --to 127.0.0.1:9001,127.0.0.1:9002
                          nc 127.0.0.1 7793
            Other examples:
              reactor proxy --listen 0.0.0.0:80 --to a.example:8080=3,b.example:8080=1
              reactor proxy --listen 0.0.0.0:5432 --to unix:/run/db.sock --send-proxy v2
            A client is read once an upstream is connected; if one fails, the next is tried. If none is available, the \
            client is reset. With --admin PATH, the commands upstreams, drain UPSTREAM and undrain UPSTREAM are added to \
            those of the other servers. SIGINT (ctrl-C) and SIGTERM drain: the proxy accepts no new connections and \
            relays the open ones until --drain has passed; a second signal ends it at once. SIGUSR2 restarts it without \
            losing a connection attempt.
            """)

    @Option(
        help: ArgumentHelp(
            """
            Upstreams, separated by commas: HOST:PORT or unix:PATH, each with =WEIGHT (1 to 1000) after it if wanted. \
            May be repeated.
            """, valueName: "upstreams"),
        transform: ProxyCommand.parseUpstreams)
    var to: [[UpstreamAddress]]

    @Option(
        help: ArgumentHelp(
            "How upstreams get connections: round-robin or least-connections. (default: round-robin)",
            valueName: "way"),
        transform: ProxyCommand.parseBalance)
    var balance = ProxyBalance.roundRobin

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Connect to each upstream this often to check it; 'none' for no checks.", valueName: "time"),
        transform: DurationArgument.endless)
    var healthInterval = DurationArgument(ProxyOptions().healthInterval)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long connecting a client may take, over all upstreams that are tried. (default: 5s)",
            valueName: "time"),
        transform: DurationArgument.required)
    var connectTimeout = ProxyOptions().connectTime

    @Option(
        help: ArgumentHelp(
            "Send each upstream the client's addresses in a PROXY protocol header: v1 or v2.", valueName: "version"),
        transform: ProxyCommand.parseVersion)
    var sendProxy: Int?

    @OptionGroup var serving: ServingOptions

    private static let defaultAddress = SocketAddress.loopback(port: 7793)
    /// Descriptors for everything except connections.
    private static let descriptorReserve = 64

    private var upstreams: [UpstreamAddress] { to.flatMap { $0 } }

    func validate() throws {
        let listen = serving.listen ?? Self.defaultAddress
        for upstream in upstreams where upstream.isServed(by: listen) {
            throw ValidationError(
                """
                --to \(upstream.destination) is the address that the proxy listens on, so it would connect to itself; \
                use another --listen or --to
                """)
        }
        var seen: Set<String> = []
        for upstream in upstreams where !seen.insert(upstream.destination).inserted {
            throw ValidationError("--to has \(upstream.destination) twice; use a weight: \(upstream.destination)=2")
        }
        if let wanted = serving.limits.maxConnections, wanted > mostConnections {
            throw ValidationError(
                """
                --max-connections is \(wanted), but each connection needs two descriptors; \
                raise 'ulimit -n', choose another --backend or use at most \(mostConnections)
                """)
        }
    }

    /// The number of clients for which there are descriptors: two each.
    private var mostConnections: Int {
        let limit = LinuxKernel.shared.descriptorLimit()
        let descriptors = min(
            limit.succeeded ? limit.rawValue : .max, serving.program.selector.backend == .select ? 1024 : .max)
        return max(1, (descriptors - Self.descriptorReserve) / 2)
    }

    func run() throws {
        var options = ProxyOptions()
        options.balance = balance
        options.healthInterval = healthInterval.duration
        options.connectTime = connectTimeout
        options.proxyHeader = sendProxy
        var program = ServerProgram(serving)
        // Either side may be the first to send.
        program.firstMessageTime = nil
        program.adjust = { limits in limits.connections = min(limits.connections ?? .max, mostConnections) }
        program.details = [upstreams.count == 1 ? "1 upstream" : "\(upstreams.count) upstreams"]
        var table: UpstreamTable?
        let counters = try program.serve(at: Self.defaultAddress) { server, loop throws(SocketError) in
            options.limits = server.limits
            let shared = UpstreamTable(upstreams, options) { ServerLog.report($0) }
            table = shared
            let listening = try server.listen(on: loop) { loop in
                let proxy = ProxyServer(on: loop, shared)
                loop.gatherForAdministration { proxy.gather() }
                return { _ in proxy.session() }
            }
            loop.extendAdministration(with: shared.administration)
            _ = HealthChecks(on: loop, shared)
            return listening
        }
        if let table { ServerLog.print(Self.summary(table, counters)) }
    }

    private static func summary(_ table: UpstreamTable, _ counters: LoopStatistics) -> String {
        let counts = table.counts
        let bytes = table.upstreams.reduce((0, 0)) { ($0.0 + $1.bytesIn, $0.1 + $1.bytesOut) }
        let lines = table.upstreams.map { upstream in
            "  \(upstream.address.destination): \(upstream.total) connections, \(upstream.failures) failed"
        }
        return """
            proxied \(counts.proxied) connections (\(counters.connectionsRefused) refused, \
            \(counts.unavailable) without an upstream, \(counts.retries) retries), \
            \(bytes.0) bytes to upstreams, \(bytes.1) to clients
            \(lines.joined(separator: "\n"))
            """
    }

    // MARK: Parsing

    private static func parseUpstreams(_ text: String) throws -> [UpstreamAddress] {
        do throws(SocketError) {
            var upstreams: [UpstreamAddress] = []
            for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                upstreams.append(try .parse(String(part)))
            }
            return upstreams
        } catch {
            throw ValidationError("\(error.subject): \(error.reason)")
        }
    }

    private static func parseBalance(_ text: String) throws -> ProxyBalance {
        guard let balance = ProxyBalance(rawValue: text) else {
            throw ValidationError("use round-robin or least-connections")
        }
        return balance
    }

    private static func parseVersion(_ text: String) throws -> Int {
        switch text {
        case "v1": 1
        case "v2": 2
        default: throw ValidationError("use v1 or v2")
        }
    }
}
