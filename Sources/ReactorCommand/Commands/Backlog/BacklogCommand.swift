// `reactor backlog`: fills the accept queue of a listener and shows every step.

import ArgumentParser
import Demos
import FoundationEssentials
import Reactor
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

struct BacklogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backlog",
        abstract:
            "Watch a listener's accept queue fill: what connects, hangs or is refused, and what accept changes.",
        discussion: """
            Listens on loopback, accepts nothing for a while, and connects to itself again and again. Then it accepts \
            one connection at a time, or closes the listener. Try it with:

              reactor backlog
              reactor backlog --backlog 0 --connects 4
              reactor backlog --close
              reactor backlog --unix
            """)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The backlog for listen(2), 0 to 4096. (default: 3)", valueName: "n"),
        transform: BacklogCommand.parseBacklog)
    var backlog = BacklogPlan().backlog

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Number of connects, at most 500. (default: 8)", valueName: "m"),
        transform: CountArgument.parse)
    var connects = BacklogPlan().connects

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Time between two connects. (default: 100ms)", valueName: "time"),
        transform: DurationArgument.required)
    var connectEvery = BacklogPlan().connectPause

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long to accept nothing, from the start. (default: 500ms after the last connect)",
            valueName: "time"),
        transform: DurationArgument.required)
    var hold: Duration?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Time between two accepts after --hold. (default: 200ms)", valueName: "time"),
        transform: DurationArgument.required)
    var acceptEvery = BacklogPlan().acceptPause

    @Flag(help: "Close the listener after --hold instead of accepting.")
    var close = false

    @Flag(help: "Use a Unix socket with an abstract name instead of TCP.")
    var unix = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Exit after this long in any case, at most 5m. (default: 10s)", valueName: "time"),
        transform: DurationArgument.required)
    var limit = BacklogPlan().limit

    @OptionGroup var options: ExperimentOptions

    private static let mostConnects = 500

    func validate() throws {
        if connects > Self.mostConnects { throw ValidationError("--connects: use at most \(Self.mostConnects)") }
        if limit > .seconds(300) { throw ValidationError("--limit is too long; use at most 5m") }
        if let hold, hold >= limit {
            throw ValidationError("--hold leaves no time to accept before --limit; use a shorter --hold")
        }
        if hold == nil, connectEvery * connects + .milliseconds(500) >= limit {
            throw ValidationError(
                "--connects times --connect-every exceeds --limit; use fewer connects, or a higher --limit")
        }
    }

    func run() throws {
        let output = try options.json.map(JSONOutput.init)
        var plan = BacklogPlan()
        if unix { plan.address = try AddressArgument.parseUnix("@reactor-backlog-\(getpid())") }
        (plan.backlog, plan.connects, plan.closes) = (backlog, connects, close)
        (plan.connectPause, plan.holdTime, plan.acceptPause, plan.limit) = (connectEvery, hold, acceptEvery, limit)
        let drawing = BacklogDrawing(plan, systemLimit: Self.setting("core/somaxconn"))
        let (events, outcome) = try observe(plan, drawing)
        if options.printsText { StandardOutput.print("\n" + drawing.explanation(outcome, events)) }
        try output?.write(
            Report(
                backlog: backlog, systemLimit: Self.setting("core/somaxconn"),
                abortsOnOverflow: Self.setting("ipv4/tcp_abort_on_overflow"), events: events, outcome: outcome))
    }

    /// Runs the experiment and prints each event as it happens.
    private func observe(_ plan: BacklogPlan, _ drawing: BacklogDrawing) throws -> ([BacklogEvent], BacklogOutcome) {
        let loop = try options.makeLoop()
        let prints = options.printsText
        var events: [BacklogEvent] = []
        var outcome: Result<BacklogOutcome, SocketError>?
        let experiment = BacklogExperiment(
            plan, on: loop, queueLength: Self.queueLength,
            happened: { event in
                events.append(event)
                guard prints else { return }
                StandardOutput.print(drawing.row(event))
            },
            ended: {
                outcome = $0
                loop.stop()
            })
        // The loop may end before the experiment: its selector fails, or output cannot be written.
        defer { experiment.cancel() }
        do throws(SocketError) {
            do throws(SocketError) {
                try experiment.begin()
            } catch {
                loop.shutdown()
                throw error
            }
            if prints {
                StandardOutput.print(
                    "listening on \(experiment.address) with listen(fd, \(plan.backlog))\n\(drawing.header)")
            }
            try loop.run()
            guard let outcome else { throw SocketError(.start, subject: "a loop", reason: "it ended early") }
            return (events, try outcome.get())
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    /// Returns the number of connections in the accept queue, which is `tcpi_unacked` of a listener (tcp(7),
    /// `TCP_INFO`); `nil` for a Unix socket.
    private static func queueLength(_ listener: FileDescriptor) -> Int? {
        var information = tcp_info()
        var length = socklen_t(MemoryLayout<tcp_info>.size)
        // Safe: the kernel writes at most `length` bytes, the size of `information`, and keeps neither pointer.
        let result = unsafe getsockopt(listener.rawValue, CInt(IPPROTO_TCP), TCP_INFO, &information, &length)
        return result == 0 ? Int(information.tcpi_unacked) : nil
    }

    /// Returns a network setting from /proc/sys/net; `nil` if it cannot be read.
    private static func setting(_ name: String) -> Int? {
        let text = try? String(contentsOfFile: "/proc/sys/net/\(name)", encoding: .utf8)
        return text.flatMap { Int($0.prefix { $0.isASCII && $0.isNumber }) }
    }

    private static func parseBacklog(_ text: String) throws -> Int {
        try CountArgument.within(0...4096)(text)
    }

    private struct Report: Encodable {
        let backlog: Int
        /// `net.core.somaxconn`.
        let systemLimit: Int?
        /// `net.ipv4.tcp_abort_on_overflow`.
        let abortsOnOverflow: Int?
        let events: [BacklogEvent]
        let outcome: BacklogOutcome
    }
}
