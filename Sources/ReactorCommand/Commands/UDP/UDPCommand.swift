// `reactor udp`: a sender and a receiver of single datagrams, for learning how UDP sockets behave.

import ArgumentParser
import Demos
import Reactor

struct UDPCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "udp",
        abstract: "Send and receive single datagrams, and see what happens to each.",
        subcommands: [UDPServeCommand.self, UDPListenCommand.self, UDPSendCommand.self])

    static let defaultAddress = SocketAddress.loopback(port: 7790)
}

/// The options and the run that `serve` and `listen` share.
struct UDPReceivingOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Receive at most this many bytes of a datagram, up to 65535; the rest is lost. (default: 2048)",
            valueName: "n"),
        transform: CountArgument.within(1...65_535))
    var size = 2048

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Exit after this many datagrams. (default: never)", valueName: "n"),
        transform: CountArgument.parse)
    var count: Int?

    @Option(
        help: ArgumentHelp(
            "Connect to this peer; the kernel drops datagrams from any other sender.", valueName: "address"),
        transform: AddressArgument.parse)
    var connect: SocketAddress?

    @Flag(help: "Print every event as a line of JSON.")
    var json = false

    /// Runs a receiver as a program.
    ///
    /// - Parameters:
    ///   - prefix: what every reply begins with; datagrams with this prefix get no reply.
    ///   - reply: returns the reply to a datagram; `nil` to send none.
    func run(_ program: ProgramOptions, prefix: String = "", reply: ((DatagramArrival) -> String)?) throws {
        let output = DatagramOutput(isJSON: json, isServer: true)
        var sockets: [DatagramSocket] = []
        _ = try ServerProgram(program).run { loop, server throws(SocketError) in
            var left = count ?? .max
            let responder = DatagramResponder(prefix: prefix, reply: reply) { arrival, reply in
                show(arrival, reply, output)
                left -= 1
                if left == 0 { loop.stop() }
            }
            var options = DatagramOptions()
            options.datagramSize = size
            options.replies = DatagramResponder.replyLimits
            let local = program.listen ?? UDPCommand.defaultAddress
            sockets = try server.datagramPlaces { socket throws(SocketError) in
                try loop.adoptDatagrams(socket, connectingTo: connect, options: options, handler: responder)
            } orBinding: { () throws(SocketError) in
                if let connect {
                    return try loop.connectDatagrams(to: connect, from: local, options: options, handler: responder)
                }
                return try loop.bindDatagrams(on: local, options: options, handler: responder)
            }
            let place = ServerProgram.words(sockets.map(\.address))
            let peer = connect.map { ", connected to \($0)" } ?? ""
            var event = DatagramEvent("listening")
            (event.local, event.peer) = (place, connect.map { "\($0)" })
            output.write("listening on \(place) (\(loop.backend), UDP\(peer))", event)
            return .other
        }
        if !json { ServerLog.print(DatagramStatistics.summary(sockets)) }
    }

    private func show(_ arrival: DatagramArrival, _ reply: String?, _ output: DatagramOutput) {
        var event = DatagramEvent("received")
        (event.peer, event.bytes, event.text) = ("\(arrival.peer)", arrival.bytes.count, arrival.text)
        (event.isTruncated, event.reply) = (arrival.isTruncated, reply)
        let cut = arrival.isTruncated ? " of a longer datagram, the rest of which is lost" : ""
        let answered = reply.map { ", answered \(DatagramOutput.quoted($0))" } ?? ""
        output.write(
            "\(arrival.peer) sent \(arrival.bytes.count) bytes\(cut): \(DatagramOutput.quoted(arrival.text))\(answered)",
            event)
    }
}

struct UDPServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Reply to every datagram with the time of day.",
        discussion: """
            Try it with:  reactor udp send 127.0.0.1:7790 hello  or  echo hello | nc -u -w1 127.0.0.1 7790
            Prints a line per datagram. With --size 4 it receives at most 4 bytes of each. SIGINT (ctrl-C) and SIGTERM \
            end it; SIGUSR2 restarts it without losing a datagram.
            """)

    @OptionGroup var receiving: UDPReceivingOptions
    @OptionGroup var program: ProgramOptions

    func run() throws {
        try receiving.run(program, prefix: TimeReply.prefix) { TimeReply.words(for: $0, at: WallClock.now()) }
    }
}

struct UDPListenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listen",
        abstract: "Show every datagram without replying.",
        discussion: """
            Try it with:  reactor udp send 127.0.0.1:7790 hello --wait none
            With --connect PEER the kernel drops datagrams from all other senders.
            """)

    @OptionGroup var receiving: UDPReceivingOptions
    @OptionGroup var program: ProgramOptions

    func run() throws { try receiving.run(program, reply: nil) }
}
