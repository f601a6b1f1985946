// A server as a program: what all server subcommands share, from the creation of the loop to the exit. It prints one
// line when it listens. SIGINT and SIGTERM drain it, a second one stops it at once; SIGUSR2 restarts it without losing
// a connection attempt, or prints why it does not.
//
//     prepared --begin--> listening --signal--> draining --all closed, or deadline reached--> ended
//         |                   +---- second signal -------------------------------------------> ended
//         +---- failure: one line, and nothing is left half started

import ArgumentParser
import Reactor

/// The service that a program runs.
enum Service {
    /// A server of connections, on one loop or several.
    case connections(ListeningServer)
    /// Any other work on the loop, such as datagrams, which the loop drains.
    case other
    /// Any other work that drains itself: the closure receives the time limit, and the work stops the loop when it is
    /// done.
    case draining((Duration) -> Void)
}

/// A server that runs as a program until a signal ends it.
struct ServerProgram {
    private let options: ProgramOptions
    /// Present in servers of connections only, as is `server`.
    private let limits: LimitOptions?
    private let server: ServerOptions?
    /// The kind of inherited sockets that the server uses; the others are reported and not used.
    var kind: SocketKind
    /// Sets limits that are specific to the command.
    var adjust: (inout Limits) -> Void = { _ in }
    /// The command's defaults for `--idle-timeout` and `--first-message-timeout`; `nil` for no timeout.
    var idleTime = Limits().idleTime
    var firstMessageTime = Limits().firstMessageTime
    /// The reaction to SIGUSR2.
    var restart = Restart.handsOver
    /// Descriptors that a connection may need for a file, besides its socket; 0 for a server without files.
    var descriptorsPerFile = 0
    /// The details that come first in the parentheses of the `listening on` line.
    var details: [String] = []
    /// Called once, on the first SIGINT or SIGTERM, before the server drains.
    var ending: () -> Void = {}

    /// Creates a server of connections.
    init(_ options: ServingOptions) {
        (self.options, limits, server, kind) = (options.program, options.limits, options.server, .stream)
    }

    /// Creates a server of datagrams, which has no limits on connections.
    init(_ options: ProgramOptions) { (self.options, limits, server, kind) = (options, nil, nil, .datagram) }

    /// Serves connections until a signal ends the program, and prints the `listening on` line.
    ///
    /// - Parameters:
    ///   - address: the default for `--listen`.
    ///   - listen: makes the server listen on the loop.
    /// - Returns: The summed counters of all loops.
    /// - Throws: ``CommandFailure`` or the parser's `ValidationError` with a one-line message.
    func serve(
        at address: SocketAddress, _ listen: (TCPServer, EventLoop) throws(SocketError) -> ListeningServer
    ) throws -> LoopStatistics {
        try run { loop, server throws(SocketError) in
            var server = server
            server.address = options.listen ?? address
            let listening = try listen(server, loop)
            let loops = server.loops == 1 ? [] : ["\(server.loops) loops"]
            let connections = server.limits.effectiveConnections()
            let files = openFiles(on: loop)
            let most = "at most \(counted(connections, "connection"))"
            let fewer = files > 0 && files < connections ? ["at most \(files) files at once"] : []
            let all = details + ["\(loop.backend)"] + loops + [most] + fewer
            ServerLog.print("listening on \(Self.words(listening.addresses)) (\(all.joined(separator: ", ")))")
            // Descriptors are what is short, and the line above does not say so.
            if connections < Self.fewConnections && limits?.maxConnections == nil {
                ServerLog.report(
                    "few descriptors are available to this process; for more connections, raise 'ulimit -n'")
            }
            return .connections(listening)
        }
    }

    /// A default limit below this is reported with a hint.
    private static let fewConnections = 100

    /// Returns the maximum number of files that connections may have open at once; 0 for a server without files.
    func openFiles(on loop: EventLoop) -> Int {
        let plan = limits?.plan(
            descriptorLimit: loop.capabilities.descriptorLimit, descriptorsPerFile: descriptorsPerFile)
        return plan?.files ?? 0
    }

    /// Runs a loop until a signal ends the program.
    ///
    /// - Parameter begin: starts the service and prints the `listening on` line. Its argument is a server with all
    ///   options applied except the address.
    /// - Returns: The summed counters of all loops.
    /// - Throws: ``CommandFailure`` or the parser's `ValidationError` with a one-line message.
    func run(_ begin: (EventLoop, TCPServer) throws(SocketError) -> Service) throws -> LoopStatistics {
        if let loops = server?.loops, loops > 1, options.operation.trace.isWanted {
            throw ValidationError("--trace follows one loop, but --loops is \(loops); use --loops 1")
        }
        if let processor = options.cpu { try Processor.pin(to: processor) }
        let loop: EventLoop
        let inheritance: Inheritance?
        do throws(SocketError) {
            inheritance = try Inheritance.take()?.keeping(kind) { StandardError.write("reactor: \($0)\n") }
            loop = try EventLoop(backend: options.selector.backend, kernel: options.operation.kernel)
        } catch {
            throw CommandFailure("\(error)")
        }
        var server = try server(on: loop)
        server.inheritance = inheritance
        do throws(SocketError) {
            return try run(loop, server, begin)
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    /// Returns addresses joined by "and".
    static func words(_ addresses: [SocketAddress]) -> String {
        addresses.map { "\($0)" }.joined(separator: " and ")
    }

    /// Returns a server with all options applied except the address.
    private func server(on loop: EventLoop) throws -> TCPServer {
        let address = SocketAddress.loopback(port: 0)
        guard let limits, let options = server else {
            return TCPServer(on: address, backend: self.options.selector.backend)
        }
        let descriptorLimit = loop.capabilities.descriptorLimit
        try limits.check(
            self.options.selector.backend, descriptorLimit: descriptorLimit, descriptorsPerFile: descriptorsPerFile)
        let plan = limits.plan(descriptorLimit: descriptorLimit, descriptorsPerFile: descriptorsPerFile)
        var values = limits.limits(plan, idle: idleTime, firstMessage: firstMessageTime)
        adjust(&values)
        var server = options.server(on: address, self.options.selector.backend, values)
        server.onReport = Self.report
        return server
    }

    private static let report: @Sendable (LoopReport) -> Void = { ServerLog.report($0) }

    private func run(
        _ loop: EventLoop, _ server: TCPServer, _ begin: (EventLoop, TCPServer) throws(SocketError) -> Service
    ) throws(SocketError) -> LoopStatistics {
        var service = Service.other
        var running: ListeningServer? { if case .connections(let server) = service { server } else { nil } }
        var isEnding = false
        // The sockets that serve; sockets opened later belong to single transfers.
        var datagrams: [DatagramSocket] = []
        func drain() {
            isEnding = true
            switch service {
            case .connections(let server): server.handle.drain(within: options.drain)
            case .draining(let drain):
                loop.abandonSuccessor()
                drain(options.drain)
            case .other: loop.drain(within: options.drain)
            }
        }
        do throws(SocketError) {
            // Signals are blocked before any client or supervisor can see the server.
            for signal in [Signal.interrupt, .terminate] {
                try loop.watchSignal(signal) {
                    if isEnding || loop.isDraining { return running?.handle.stop() ?? loop.stop() }
                    ending()
                    drain()
                }
            }
            try loop.watchSignal(.user2) {
                switch restart {
                case .refuses(let reason): Restart.refuse(reason)
                case .handsOver where isEnding && running == nil: Restart.refuse("it is draining")
                case .handsOver:
                    Restart.begin(on: loop, drain: drain) { arguments, finished throws(SocketError) in
                        if let running { return try running.startSuccessor(arguments: arguments, finished) }
                        try loop.startSuccessor(
                            arguments: arguments, datagrams: datagrams, inheriting: server.inheritance, finished)
                    }
                }
            }
            // The parent writes nothing to this pipe, so any readiness means that its other end is closed.
            if options.endWithInput {
                try loop.watch(.standardInput, for: .readable) { _ in running?.handle.stop() ?? loop.stop() }
            }
            try options.operation.begin(on: loop, inheriting: server.inheritance)
            service = try begin(loop, server)
            datagrams = loop.datagramSockets
            if running == nil { loop.onReport = Self.report }
        } catch {
            loop.shutdown()
            throw error
        }
        guard let running else {
            loop.beginService(server.inheritance)
            try loop.run()
            return loop.statistics
        }
        try running.run()
        return running.finalStatistics.total
    }
}
