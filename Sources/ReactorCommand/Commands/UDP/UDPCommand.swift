// `reactor udp`: sender and receiver of datagrams, as the teaching texts have them.

import ArgumentParser
import Demos
import Reactor

struct UDPCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "udp",
        abstract: "Send and receive single datagrams, and see what becomes of them.",
        subcommands: [UDPServeCommand.self, UDPListenCommand.self, UDPSendCommand.self])

    static let defaultAddress = SocketAddress.loopback(port: 7790)
}

/// What `serve` and `listen` have in common.
struct UDPReceivingOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Bytes of a datagram that are received, at most 65535; the rest of a longer one is lost. (default: 2048)",
            valueName: "n"),
        transform: CountArgument.within(1...65_535))
    var size = 2048

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("End after so many datagrams. (default: never)", valueName: "n"),
        transform: CountArgument.parse)
    var count: Int?

    @Option(
        help: ArgumentHelp(
            "Connect to this peer: only its datagrams are received, whoever else sends.", valueName: "address"),
        transform: AddressArgument.parse)
    var connect: SocketAddress?

    @Flag(help: "Print a line of JSON for every event.")
    var json = false

    /// Runs a receiver as a program.
    func run(_ program: ProgramOptions, prefix: String = "", answer: ((DatagramArrival) -> String)?) throws {
        let output = DatagramOutput(isJSON: json, isServer: true)
        var sockets: [DatagramSocket] = []
        _ = try ServerProgram(program).run { loop, server throws(SocketError) in
            var left = count ?? .max
            let responder = DatagramResponder(prefix: prefix, answer: answer) { arrival, answer in
                show(arrival, answer, output)
                left -= 1
                if left == 0 { loop.stop() }
            }
            var options = DatagramOptions()
            options.datagramSize = size
            options.answers = DatagramResponder.answerLimits
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

    private func show(_ arrival: DatagramArrival, _ answer: String?, _ output: DatagramOutput) {
        var event = DatagramEvent("received")
        (event.peer, event.bytes, event.text) = ("\(arrival.peer)", arrival.bytes.count, arrival.text)
        (event.isTruncated, event.answer) = (arrival.isTruncated, answer)
        let cut = arrival.isTruncated ? " of a longer datagram, whose rest is lost" : ""
        let reply = answer.map { ", answered \(DatagramOutput.quoted($0))" } ?? ""
        output.write(
            "\(arrival.peer) sent \(arrival.bytes.count) bytes\(cut): \(DatagramOutput.quoted(arrival.text))\(reply)",
            event)
    }
}

struct UDPServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Answer every datagram with the time of day.",
        discussion: """
            Try it with:  reactor udp send 127.0.0.1:7790 hello  or  echo hello | nc -u -w1 127.0.0.1 7790
            It prints a line for each datagram. With --size 4 it receives no more than 4 bytes of each. SIGINT (ctrl-C) \
            and SIGTERM end it; SIGUSR2 restarts it without losing a datagram.
            """)

    @OptionGroup var receiving: UDPReceivingOptions
    @OptionGroup var program: ProgramOptions

    func run() throws {
        try receiving.run(program, prefix: TimeAnswer.prefix) { TimeAnswer.words(for: $0, at: WallClock.now()) }
    }
}

struct UDPListenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listen",
        abstract: "Show every datagram, and answer none.",
        discussion: """
            Try it with:  reactor udp send 127.0.0.1:7790 hello --wait none
            With --connect PEER the kernel drops what others send, before anybody sees it.
            """)

    @OptionGroup var receiving: UDPReceivingOptions
    @OptionGroup var program: ProgramOptions

    func run() throws { try receiving.run(program, answer: nil) }
}
