// `reactor broadcast`: a question to all listeners on a network or in a multicast group, and their replies.

import ArgumentParser
import Demos
import Reactor

struct BroadcastCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broadcast",
        abstract: "Send a question to a network or a multicast group, and collect the replies.",
        subcommands: [BroadcastListenCommand.self, BroadcastSendCommand.self])

    static let port: UInt16 = 7791

    static func parseInterface(_ name: String) throws -> NetworkInterface {
        do throws(SocketError) { return try NetworkInterface(named: name) } catch {
            throw ValidationError("\(error.reason); see 'ip link'")
        }
    }
}

struct BroadcastListenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listen",
        abstract: "Reply to questions sent by broadcast or to multicast groups.",
        discussion: """
            Try it with:  reactor broadcast send 127.255.255.255:7791 who
            Without --group it receives broadcasts on loopback (127.255.255.255:7791) unless --listen is given; \
            --listen 0.0.0.0:7791 receives broadcasts from all networks, and datagrams sent to this machine alone. \
            With --group it binds to the first group unless --listen is given. Several listeners may share an \
            address; each receives every broadcast.
            """)

    @Option(
        help: ArgumentHelp(
            "Join this multicast group, as 239.1.2.3 or ff02::4242%eth0. May be repeated.", valueName: "address"),
        transform: BroadcastListenCommand.parseGroup)
    var group: [SocketAddress] = []

    @Option(
        help: ArgumentHelp("Join groups on this interface. (default: the system's choice)", valueName: "name"),
        transform: BroadcastCommand.parseInterface)
    var interface = NetworkInterface.automatic

    @Option(help: ArgumentHelp("The name to reply with. (default: listener)", valueName: "name"))
    var name = "listener"

    @Flag(help: "Print every event as a line of JSON.")
    var json = false

    @OptionGroup var program: ProgramOptions

    func run() throws {
        let output = DatagramOutput(isJSON: json, isServer: true)
        var sockets: [DatagramSocket] = []
        var listener = ServerProgram(program)
        // Group memberships belong to the socket, which both processes would share during a restart.
        if !group.isEmpty { listener.restart = .refuses(because: "its socket is in multicast groups") }
        _ = try listener.run { loop, server throws(SocketError) in
            var options = DatagramOptions()
            options.sharesAddress = true
            options.replies = DatagramResponder.replyLimits
            let responder = DatagramResponder(prefix: PresenceReply.prefix) { [name] _ in
                name
            } arrived: {
                show($0, $1, output)
            }
            let first = group.first ?? .ipv4(127, 255, 255, 255, port: BroadcastCommand.port)
            sockets = try server.datagramPlaces { socket throws(SocketError) in
                try loop.adoptDatagrams(socket, options: options, handler: responder)
            } orBinding: { () throws(SocketError) in
                try loop.bindDatagrams(on: program.listen ?? first, options: options, handler: responder)
            }
            for socket in sockets { for group in group { try socket.join(group, on: interface) } }
            let place = ServerProgram.words(sockets.map(\.address))
            let groups = group.isEmpty ? "" : ", in group \(group.map(\.host).joined(separator: ", "))"
            var event = DatagramEvent("listening")
            event.local = place
            output.write("listening on \(place) (\(loop.backend), UDP\(groups))", event)
            return .other
        }
        if !json { ServerLog.print(DatagramStatistics.summary(sockets)) }
    }

    private func show(_ arrival: DatagramArrival, _ reply: String?, _ output: DatagramOutput) {
        var event = DatagramEvent("received")
        (event.peer, event.bytes) = ("\(arrival.peer)", arrival.bytes.count)
        (event.text, event.reply) = (arrival.text, reply)
        let words = reply == nil ? "not answered" : "answered"
        output.write(
            "\(arrival.peer) asked: \(DatagramOutput.quoted(arrival.text)), \(words)", event)
    }

    private static func parseGroup(_ text: String) throws -> SocketAddress {
        guard let address = SocketAddress(host: text, port: BroadcastCommand.port), address.isMulticast else {
            throw ValidationError("use a numeric multicast address, as 239.1.2.3 or ff02::4242%eth0")
        }
        return address
    }
}

struct BroadcastSendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send a question, and collect the replies.",
        discussion: """
            EXAMPLES
              reactor broadcast send 192.168.1.255:7791 who          # one network
              reactor broadcast send 255.255.255.255:7791 who        # the network of the default route
              reactor broadcast send 239.1.2.3:7791 who --hops 1     # a multicast group
              reactor broadcast send '[ff02::4242%eth0]:7791' who    # an IPv6 group; IPv6 has no broadcast
              reactor broadcast send 127.255.255.255:7791 who --forbid    # refused by the kernel: no SO_BROADCAST
            Exit status: 0 after at least one reply, 1 without a reply or if the question could not be sent.
            """)

    @Argument(
        help: ArgumentHelp("A broadcast address or multicast group, HOST:PORT.", valueName: "address"),
        transform: AddressArgument.parse)
    var address: SocketAddress

    @Argument(help: ArgumentHelp("The text of the question.", valueName: "text"))
    var text: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long to collect replies. (default: 1s)", valueName: "time"),
        transform: DurationArgument.required)
    var within = Duration.seconds(1)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Exit after this many replies. (default: wait until --within has passed)", valueName: "n"),
        transform: CountArgument.parse)
    var expect: Int?

    @Option(
        help: ArgumentHelp("Send multicast through this interface. (default: the system's choice)", valueName: "name"),
        transform: BroadcastCommand.parseInterface)
    var interface: NetworkInterface?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Multicast TTL: routers it may pass, plus 1. (default: 1)", valueName: "n"),
        transform: CountArgument.within(1...255))
    var hops: Int?

    @Flag(help: "Do not set SO_BROADCAST, to see the kernel's error.")
    var forbid = false

    @OptionGroup var selector: BackendOptions

    @Flag(help: "Print every event as a line of JSON.")
    var json = false

    func validate() throws {
        if address.isUnix { throw ValidationError("UDP needs an address with a port; use HOST:PORT") }
    }

    func run() throws {
        let output = DatagramOutput(isJSON: json, isServer: false)
        var outcome = DatagramQuestion.Outcome.timeOver
        let question: DatagramQuestion
        do throws(SocketError) {
            let loop = try EventLoop(backend: selector.backend)
            StandardOutput.stopsOnFailure(loop)
            question = DatagramQuestion(expecting: expect ?? .max) {
                show($0, $1, output)
            } onEnd: {
                outcome = $0
                loop.stop()
            }
            var options = DatagramOptions()
            options.allowsBroadcast = !forbid
            (options.multicastHops, options.multicastInterface) = (hops, interface)
            do throws(SocketError) {
                let socket = try loop.openDatagrams(like: address, options: options, handler: question)
                question.ask(
                    Array(text.joined(separator: " ").utf8), count: 1, to: address, on: socket, within: within)
            } catch {
                loop.shutdown()
                throw error
            }
            try loop.run()
        } catch {
            throw CommandFailure("\(error)")
        }
        if case .failed(let reason) = outcome {
            let advice = forbid ? "; without --forbid it is allowed (SO_BROADCAST)" : ""
            throw CommandFailure(reason + advice)
        }
        let count = question.replies.count
        var event = DatagramEvent("ended")
        event.replies = count
        if count > 0 || json { output.write("replies: \(count)", event) }
        if count == 0 {
            throw CommandFailure(
                "no reply from \(address) within \(DurationArgument(within)); check that a listener runs there")
        }
    }

    private func show(_ arrival: DatagramArrival, _ time: Duration, _ output: DatagramOutput) {
        var event = DatagramEvent("answered")
        (event.peer, event.text) = ("\(arrival.peer)", arrival.text)
        event.milliseconds = DatagramOutput.milliseconds(time)
        output.write(
            "\(arrival.peer) answered after \(DatagramOutput.milliseconds(time)) ms: \(DatagramOutput.quoted(arrival.text))",
            event)
    }
}
