// A server as a program: what all server subcommands do in the same way, from the loop to the exit. One line when it
// listens; SIGINT and SIGTERM drain, a second one ends at once; SIGUSR2 restarts without losing a connect, or says in one
// line why it does not.
//
//     prepared --begin--> listening --signal--> draining --all have ended, or the time is over--> ended
//         |                   +---- second signal -----------------------------------------------> ended
//         +---- fails: one line, nothing half started

import Reactor

/// What a program serves.
enum Service {
    /// Connections, on one loop or several.
    case connections(ListeningServer)
    /// Something else of the loop's, datagrams for instance.
    case other
    /// Something else that takes its time to end: told how long that may take, it stops the loop when it is done.
    case draining((Duration) -> Void)
}

/// A server as a program.
struct ServerProgram {
    private let options: ProgramOptions
    /// Of servers of connections only.
    private let limits: LimitOptions?
    private let server: ServerOptions?
    /// What is served: of the sockets that the process was started with, those of this kind are used.
    var kind: SocketKind
    /// Sets the limits that are the command's own and no option of all servers.
    var adjust: (inout Limits) -> Void = { _ in }
    /// The command's own defaults of the two times that the user may set.
    var idleTime = Limits().idleTime
    var firstMessageTime = Limits().firstMessageTime
    /// What SIGUSR2 does.
    var restart = Restart.handsOver
    /// Descriptors that a connection takes for a file besides its own, where it may have one.
    var descriptorsPerFile = 0
    /// What the line says before all else that is in brackets.
    var details: [String] = []
    /// Told once, when the first signal says that it is to end, before anything drains.
    var ending: () -> Void = {}

    init(_ options: ServingOptions) {
        (self.options, limits, server, kind) = (options.program, options.limits, options.server, .stream)
    }

    /// A server of datagrams, which has no use for what limits connections.
    init(_ options: ProgramOptions) { (self.options, limits, server, kind) = (options, nil, nil, .datagram) }

    /// Serves connections until a signal ends the program, and prints the line that says where.
    ///
    /// - Parameters:
    ///   - address: where to listen, unless the user has said so.
    ///   - listen: makes the server listen on the loop.
    /// - Returns: What all loops have counted.
    /// - Throws: ``CommandFailure`` or the parser's `ValidationError`, in one line.
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
            let most = "at most \(connections) connections"
            let fewer = files > 0 && files < connections ? ["at most \(files) files at once"] : []
            let all = details + ["\(loop.backend)"] + loops + [most] + fewer
            ServerLog.print("listening on \(Self.words(listening.addresses)) (\(all.joined(separator: ", ")))")
            return .connections(listening)
        }
    }

    /// How many files may be open for connections at once; 0 for a server without files.
    func openFiles(on loop: EventLoop) -> Int {
        let plan = limits?.plan(
            descriptorLimit: loop.capabilities.descriptorLimit, descriptorsPerFile: descriptorsPerFile)
        return plan?.files ?? 0
    }

    /// Runs a loop until a signal ends the program.
    ///
    /// - Parameter begin: starts what is served, and prints that it does; given a server with all options but its address.
    /// - Returns: What all loops have counted.
    /// - Throws: ``CommandFailure`` or the parser's `ValidationError`, in one line.
    func run(_ begin: (EventLoop, TCPServer) throws(SocketError) -> Service) throws -> LoopStatistics {
        if let processor = options.cpu { try Processor.pin(to: processor) }
        let loop: EventLoop
        let inheritance: Inheritance?
        do throws(SocketError) {
            inheritance = try Inheritance.take()?.keeping(kind) { StandardError.write("reactor: \($0)\n") }
            loop = try EventLoop(backend: options.backend, kernel: options.operation.kernel)
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

    /// Addresses in a line.
    static func words(_ addresses: [SocketAddress]) -> String {
        addresses.map { "\($0)" }.joined(separator: " and ")
    }

    /// A server with all options but its address.
    private func server(on loop: EventLoop) throws -> TCPServer {
        let address = SocketAddress.loopback(port: 0)
        guard let limits, let options = server else {
            return TCPServer(on: address, backend: self.options.backend)
        }
        let descriptorLimit = loop.capabilities.descriptorLimit
        try limits.check(
            self.options.backend, descriptorLimit: descriptorLimit, descriptorsPerFile: descriptorsPerFile)
        let plan = limits.plan(descriptorLimit: descriptorLimit, descriptorsPerFile: descriptorsPerFile)
        var values = limits.limits(plan, idle: idleTime, firstMessage: firstMessageTime)
        adjust(&values)
        var server = options.server(on: address, self.options.backend, values)
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
        // Those that serve: later ones are of single transfers.
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
            // Blocked before anybody can know that the server is there.
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
            // Whoever asks for this writes nothing: whatever is told about the pipe is that its other end is gone.
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
