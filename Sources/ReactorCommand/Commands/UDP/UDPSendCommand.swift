// `reactor udp send`: sends one or more datagrams and shows the replies. It also shows when the socket gets its port:
// when it is bound, when it is connected, or when it first sends.

import ArgumentParser
import Demos
import Reactor

struct UDPSendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send a datagram and wait for the reply.",
        discussion: """
            EXAMPLES
              reactor udp send 127.0.0.1:7790 hello                        # bound by the kernel on sending
              reactor udp send 127.0.0.1:7790 hello --bind 127.0.0.1:5000  # bound before sending
              reactor udp send 127.0.0.1:9 hello --connect                 # reports that the port is closed
              reactor udp send 127.0.0.1:7790 --length 3000                # more than the server receives
            Exit status: 0 after a reply (or with --wait none), 1 without one or if the datagram could not be sent.
            """)

    @Argument(help: ArgumentHelp("The destination, HOST:PORT.", valueName: "address"), transform: AddressArgument.parse)
    var address: SocketAddress

    @Argument(help: ArgumentHelp("The contents of the datagram. (default: empty)", valueName: "text"))
    var text: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Send this many bytes instead of a text, up to 65535.", valueName: "n"),
        transform: CountArgument.within(0...65_535))
    var length: Int?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Send it this many times. (default: 1)", valueName: "n"),
        transform: CountArgument.within(1...256))
    var count = 1

    @Option(
        help: ArgumentHelp("Bind to this address before sending, HOST:PORT.", valueName: "address"),
        transform: AddressArgument.parse)
    var bind: SocketAddress?

    @Flag(help: "Connect before sending: only the peer is received, and ICMP errors are reported.")
    var connect = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Receive at most this many bytes of a reply, up to 65535. (default: 2048)", valueName: "n"),
        transform: CountArgument.within(1...65_535))
    var size = 2048

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long to wait for replies; 'none' does not wait. (default: 1s)", valueName: "time"),
        transform: DurationArgument.init)
    var wait = DurationArgument(.seconds(1))

    @OptionGroup var selector: BackendOptions

    @OptionGroup var trace: TraceOptions

    @Flag(help: "Print every event as a line of JSON.")
    var json = false

    func validate() throws {
        if length != nil && !text.isEmpty { throw ValidationError("--length and a text exclude each other; use one") }
        if address.isUnix { throw ValidationError("UDP needs an address with a port; use HOST:PORT") }
    }

    func run() throws {
        let output = DatagramOutput(isJSON: json, isServer: false)
        do {
            try send(output)
        } catch let failure as CommandFailure {
            if json {
                var event = DatagramEvent("failed")
                event.failure = failure.description
                output.write("", event)
            }
            throw failure
        }
    }

    private func send(_ output: DatagramOutput) throws {
        var outcome = DatagramQuestion.Outcome.timeOver
        let question: DatagramQuestion
        var showSent = {}
        do throws(SocketError) {
            let loop = try EventLoop(backend: selector.backend, kernel: trace.kernel)
            StandardOutput.stopsOnFailure(loop)
            question = DatagramQuestion(expecting: wait.duration == nil ? .max : count) {
                showSent()
                show($0, $1, output)
            } onEnd: {
                outcome = $0
                loop.stop()
            }
            do throws(SocketError) { showSent = try begin(loop, question, output) } catch {
                loop.shutdown()
                throw error
            }
            try loop.run()
        } catch {
            throw CommandFailure("\(error)")
        }
        try judge(outcome, question)
    }

    /// Opens the socket and queues the datagrams.
    ///
    /// - Returns: A closure that prints, once, that they were sent; it does nothing until then.
    /// - Throws: `SocketError` when the socket cannot be opened, bound or connected.
    private func begin(_ loop: EventLoop, _ question: DatagramQuestion, _ output: DatagramOutput) throws(SocketError)
        -> () -> Void
    {
        var options = DatagramOptions()
        options.datagramSize = size
        let socket: DatagramSocket
        if connect {
            socket = try loop.connectDatagrams(to: address, from: bind, options: options, handler: question)
        } else if let bind {
            socket = try loop.bindDatagrams(on: bind, options: options, handler: question)
        } else {
            socket = try loop.openDatagrams(like: address, options: options, handler: question)
        }
        var event = DatagramEvent("opened")
        event.local = "\(socket.address)"
        let state =
            connect
            ? "the socket is \(socket.address), connected to \(address); connecting sent nothing"
            : bind != nil
                ? "the socket is bound to \(socket.address)" : "the socket is not bound yet: \(socket.address)"
        output.write(state, event)
        let bytes =
            length.map { [UInt8](repeating: UInt8(ascii: "x"), count: $0) } ?? Array(text.joined(separator: " ").utf8)
        // With --wait none, 10 ms are enough for the kernel to report a datagram that it refuses.
        question.ask(
            bytes, count: count, to: connect ? nil : address, on: socket, within: wait.duration ?? .milliseconds(10))
        var isShown = false
        let show = {
            if !isShown { isShown = showSent(bytes.count, socket, output) }
        }
        // Datagrams leave at the start of the first turn, and events precede tasks, so a reply may arrive before this
        // task.
        loop.execute(show)
        return show
    }

    private func showSent(_ length: Int, _ socket: DatagramSocket, _ output: DatagramOutput) -> Bool {
        let sent = socket.statistics.sent
        if sent == 0 { return false }
        let local = DatagramOutput.address(of: socket)
        var event = DatagramEvent("sent")
        (event.local, event.peer, event.bytes) = ("\(local)", "\(address)", length)
        let number = sent == 1 ? "" : " \(sent) times"
        let port =
            socket.address.port == 0 ? "; the kernel bound the socket to \(local)" : " from \(local)"
        output.write("sent \(length) bytes to \(address)\(number)\(port)", event)
        return true
    }

    private func show(_ arrival: DatagramArrival, _ time: Duration, _ output: DatagramOutput) {
        var event = DatagramEvent("answered")
        (event.peer, event.bytes, event.text) = ("\(arrival.peer)", arrival.bytes.count, arrival.text)
        (event.isTruncated, event.milliseconds) = (arrival.isTruncated, DatagramOutput.milliseconds(time))
        let cut = arrival.isTruncated ? " (of a longer datagram, the rest of which is lost)" : ""
        output.write(
            """
            \(arrival.peer) answered after \(DatagramOutput.milliseconds(time)) ms with \(arrival.bytes.count) \
            bytes\(cut): \(DatagramOutput.quoted(arrival.text))
            """, event)
    }

    private func judge(_ outcome: DatagramQuestion.Outcome, _ question: DatagramQuestion) throws {
        switch outcome {
        case .failed(let reason): throw CommandFailure(reason)
        case .timeOver where question.unsent > 0:
            throw CommandFailure(
                "\(question.unsent) of \(count) datagrams were not sent: the kernel had no buffer space in time; send fewer"
            )
        case .timeOver where wait.duration != nil && question.replies.isEmpty:
            let advice = connect ? "" : "; with --connect the kernel reports a closed port"
            throw CommandFailure(
                "no reply within \(wait): UDP does not report whether a datagram was lost or ignored\(advice)")
        default: break
        }
    }
}
