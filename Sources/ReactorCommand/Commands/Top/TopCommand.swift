// `reactor top`: a live view of a running server, through its admin socket.

import ArgumentParser
import Reactor
import SystemPackage

struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch a running server through its admin socket.",
        discussion: """
            Try it with:  reactor echo --admin /tmp/echo.sock  and in another terminal:  reactor top /tmp/echo.sock
            Rates cover the last interval; callback times and lag are measured only while a client watches. Press q \
            to quit.
            """)

    @Argument(help: ArgumentHelp("The server's admin socket.", valueName: "path"))
    var path: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How often to refresh, at least 100ms. (default: 1s)", valueName: "time"),
        transform: DurationArgument.required)
    var interval = Duration.seconds(1)

    @Flag(help: "Print one snapshot and exit; rates are averages since the server's start.")
    var once = false

    @Flag(help: "Print each snapshot as a line of JSON with the members 'stats' and 'connections'.")
    var json = false

    func validate() throws {
        if interval < .milliseconds(100) { throw ValidationError("--interval is too short; use at least 100ms") }
    }

    func run() throws {
        guard once || json || Terminal.isOutput else {
            throw ValidationError("standard output is not a terminal; use --once or --json")
        }
        do {
            let view = try TopView(path, once: once, json: json, interval: interval)
            try view.run()
        } catch let error as SocketError {
            throw CommandFailure("\(error)")
        }
    }
}

/// The live view of a server, from the first snapshot to the end.
final class TopView {
    private static let patience = Duration.seconds(5)
    private static let usualConnections = 20

    private let path: String
    private let once: Bool
    private let json: Bool
    private let interval: Duration
    private let loop: EventLoop
    private let client: TopClient
    private var terminal: Terminal?
    private var before = TopSnapshot.beginning
    private var now: TopSnapshot?
    private var failure: CommandFailure?
    private var patienceTimer: LoopTimer?

    init(_ path: String, once: Bool, json: Bool, interval: Duration) throws(SocketError) {
        self.path = path
        self.once = once
        self.json = json
        self.interval = interval
        client = TopClient {
            once || json ? Self.usualConnections : TopScreen.connections(rows: Terminal.size.rows)
        }
        loop = try EventLoop()
        StandardOutput.stopsOnFailure(loop)
    }

    /// Runs until the user quits, a signal arrives or the connection closes. The terminal is restored on every exit
    /// path.
    func run() throws {
        defer { terminal?.restore() }
        do throws(SocketError) {
            try begin()
        } catch {
            loop.shutdown()
            throw error
        }
        try loop.run()
        if let failure { throw failure }
    }

    private func begin() throws(SocketError) {
        client.onResponse = { [unowned self] in show($0, $1) }
        client.ended = { [unowned self] in end("the connection to \(path) closed: \($0)") }
        for signal in [Signal.interrupt, .terminate, .hangUp] { try loop.watchSignal(signal) { [loop] in loop.stop() } }
        var limits = Limits()
        limits.idleTime = nil
        try loop.connect(
            to: try .unix(path), timeout: Self.patience, limits: limits,
            handler: { [unowned self] _ in
                awaitResponse()
                return client
            },
            failed: { [unowned self] in end("\($0)") })
        if !once {
            loop.schedule(after: interval, repeating: interval) { [unowned self] in ask() }
        }
        if once || json { return }
        try loop.watchSignal(.windowChanged) { [unowned self] in draw() }
        terminal = Terminal()
        if Terminal.isInput { try loop.watch(.standardInput, for: .readable) { [unowned self] _ in readKey() } }
    }

    private func end(_ reason: String) {
        if failure == nil && !loop.isShutDown { failure = CommandFailure(reason) }
        loop.stop()
    }

    private func ask() {
        guard !client.isWaiting else { return }
        awaitResponse()
        client.ask()
    }

    /// Starts the timeout of a request. A busy server replies late; a socket of another kind never replies.
    private func awaitResponse() {
        if let patienceTimer { loop.cancel(patienceTimer) }
        patienceTimer = loop.schedule(after: Self.patience) { [unowned self] in
            if client.isWaiting { end("no reply from \(path) for \(Self.patience)") }
        }
    }

    private static let controlC: UInt8 = 3

    private func readKey() {
        var key: UInt8 = 0
        // Safe: the read writes at most one byte, into a variable of one byte.
        let count = unsafe try? withUnsafeMutableBytes(of: &key) {
            unsafe try FileDescriptor.standardInput.read(into: $0)
        }
        // End of input means that the terminal is gone.
        if count != 1 || [UInt8(ascii: "q"), UInt8(ascii: "Q"), Self.controlC].contains(key) { loop.stop() }
    }

    private func show(_ statistics: [UInt8], _ connections: [UInt8]) {
        guard let snapshot = TopSnapshot(statistics: statistics, connections: connections) else {
            return end("\(path) is not an admin socket: unexpected reply; use the path given to --admin")
        }
        before = now ?? .beginning
        now = snapshot
        if json {
            let text = [statistics, connections].map { String(decoding: $0, as: UTF8.self) }
            StandardOutput.print(#"{"stats":\#(text[0]),"connections":\#(text[1])}"#)
        } else if once {
            let screen = TopScreen(path: path, before: before, now: snapshot)
            StandardOutput.print(screen.lines(columns: .max, rows: .max).joined(separator: "\n"))
        } else {
            draw()
        }
        if once { loop.stop() }
    }

    private func draw() {
        guard let now else { return }
        let (columns, rows) = Terminal.size
        Terminal.show(
            TopScreen(path: path, before: before, now: now)
                .lines(columns: columns, rows: rows, emphasised: Terminal.emphasised))
    }
}
