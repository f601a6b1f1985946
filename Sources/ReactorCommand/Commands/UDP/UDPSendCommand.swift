// `reactor udp send`: one datagram or some, and what came of them. It shows when the socket gets its port: before, when it
// is bound; when it is connected; or when it first sends.

import ArgumentParser
import Demos
import Reactor

struct UDPSendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send a datagram, and wait for the answer.",
        discussion: """
            EXAMPLES
              reactor udp send 127.0.0.1:7790 hello                        # bound by the kernel when it sends
              reactor udp send 127.0.0.1:7790 hello --bind 127.0.0.1:5000  # bound before
              reactor udp send 127.0.0.1:9 hello --connect                 # a connected socket is told that nobody is there
              reactor udp send 127.0.0.1:7790 --length 3000                # longer than what a server receives
            Exit status: 0 when it was answered (or --wait none), 1 when it was not or could not be sent.
            """)

    @Argument(help: ArgumentHelp("Where to, HOST:PORT.", valueName: "address"), transform: AddressArgument.parse)
    var address: SocketAddress

    @Argument(help: ArgumentHelp("What; empty without.", valueName: "text"))
    var text: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Send this many bytes instead of a text, at most 65535.", valueName: "n"),
        transform: CountArgument.within(1...65_535))
    var length: Int?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Send it so many times. (default: 1)", valueName: "n"),
        transform: CountArgument.within(1...256))
    var count = 1

    @Option(
        help: ArgumentHelp("Bind to this address first, HOST:PORT.", valueName: "address"),
        transform: AddressArgument.parse)
    var bind: SocketAddress?

    @Flag(help: "Connect first: only the peer is heard, and the kernel tells when nobody is there (ICMP).")
    var connect = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Bytes of an answer that are received, at most 65535. (default: 2048)", valueName: "n"),
        transform: CountArgument.within(1...65_535))
    var size = 2048

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long to wait for answers; 'none' does not. (default: 1s)", valueName: "time"),
        transform: DurationArgument.init)
    var wait = DurationArgument(.seconds(1))

    @Option(
        help: ArgumentHelp(
            "How the loop finds out what is ready: \(BackendArgument.names). (default: epoll-lt)", valueName: "name"),
        transform: BackendArgument.parse)
    var backend = Backend.epoll(.levelTriggered)

    @OptionGroup var trace: TraceOptions

    @Flag(help: "Print a line of JSON for every event.")
    var json = false

    func validate() throws {
        if length != nil && !text.isEmpty { throw ValidationError("--length is instead of a text: give one of them") }
        if address.isUnix { throw ValidationError("UDP needs an address with a port: write HOST:PORT") }
    }

    func run() throws {
        let output = DatagramOutput(isJSON: json, isServer: false)
        var outcome = DatagramQuestion.Outcome.timeOver
        let question: DatagramQuestion
        var showSent = {}
        do throws(SocketError) {
            let loop = try EventLoop(backend: backend, kernel: trace.kernel)
            StandardOutput.stopsOnFailure(loop)
            question = DatagramQuestion(expecting: wait.duration == nil ? .max : count) {
                showSent()
                show($0, $1, output)
            } ended: {
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

    /// Sends; answers what shows, once, that it was sent.
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
            ? "the socket is \(socket.address), connected to \(address); nothing was sent for that"
            : bind != nil
                ? "the socket is bound to \(socket.address)" : "the socket is bound to no port: \(socket.address)"
        output.write(state, event)
        let bytes =
            length.map { [UInt8](repeating: UInt8(ascii: "x"), count: $0) } ?? Array(text.joined(separator: " ").utf8)
        // Without waiting, long enough for the kernel to say what it will not send.
        question.ask(
            bytes, count: count, to: connect ? nil : address, on: socket, within: wait.duration ?? .milliseconds(10))
        var isShown = false
        let show = {
            if !isShown { isShown = showSent(bytes.count, socket, output) }
        }
        // They leave at the beginning of the first turn, and events come before tasks: an answer may be there first.
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
            socket.address.port == 0 ? "; the kernel has bound the socket to \(local) for that" : " from \(local)"
        output.write("sent \(length) bytes to \(address)\(number)\(port)", event)
        return true
    }

    private func show(_ arrival: DatagramArrival, _ time: Duration, _ output: DatagramOutput) {
        var event = DatagramEvent("answered")
        (event.peer, event.bytes, event.text) = ("\(arrival.peer)", arrival.bytes.count, arrival.text)
        (event.isTruncated, event.milliseconds) = (arrival.isTruncated, DatagramOutput.milliseconds(time))
        let cut = arrival.isTruncated ? " (of a longer datagram, whose rest is lost)" : ""
        output.write(
            """
            \(arrival.peer) answered after \(DatagramOutput.milliseconds(time)) ms with \(arrival.bytes.count) bytes\(cut): \
            \(DatagramOutput.quoted(arrival.text))
            """, event)
    }

    private func judge(_ outcome: DatagramQuestion.Outcome, _ question: DatagramQuestion) throws {
        switch outcome {
        case .failed(let reason): throw CommandFailure(reason)
        case .timeOver where question.unsent > 0:
            throw CommandFailure(
                "\(question.unsent) of \(count) datagrams were not sent: the kernel had no room for them in time")
        case .timeOver where wait.duration != nil && question.answers.isEmpty:
            let advice = connect ? "" : "; with --connect a socket is told that nobody is there"
            throw CommandFailure(
                "no answer within \(wait): nobody tells whether a datagram was lost or ignored\(advice)")
        default: break
        }
    }
}
