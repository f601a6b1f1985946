// `reactor chat load`: how long a chat server takes to bring a message to all members of a room.

import ArgumentParser
import LoadGenerator
import Reactor

struct ChatLoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Put a load on a chat server and measure how long messages take.",
        discussion: """
            All members are in the lobby and speak in turn; every delivery is timed from the moment at which its message \
            should have been said. With several servers, members are spread over them, and deliveries on the speaker's \
            own server are counted apart from those on others.
            """)

    @Argument(help: "The servers, HOST:PORT each.", transform: AddressArgument.parse)
    var addresses: [SocketAddress]

    @Option(parsing: .unconditional, help: "Members. (default: 1000)", transform: CountArgument.parse)
    var members = 1_000

    @Option(parsing: .unconditional, help: "How many of them stop reading.", transform: CountArgument.parse)
    var stalled: Int?

    @Option(parsing: .unconditional, help: "Messages a second. (default: 10)", transform: CountArgument.parse)
    var rate = 10

    @Option(parsing: .unconditional, help: "Bytes of a message. (default: 64)", transform: CountArgument.parse)
    var size = 64

    @Option(
        parsing: .unconditional, help: "How long messages are said. (default: 10s)",
        transform: DurationArgument.required)
    var duration = Duration.seconds(10)

    func validate() throws {
        if size > 1_000 { throw ValidationError("--size is at most 1000: a line of the chat has at most 1024 bytes") }
        if members - (stalled ?? 0) < 2 {
            throw ValidationError("--members less --stalled has to be at least 2: one speaks and one reads")
        }
    }

    func run() throws {
        var configuration = ChatLoadConfiguration(addresses: addresses)
        configuration.members = members
        configuration.stalled = stalled ?? 0
        configuration.rate = Double(rate)
        configuration.size = size
        configuration.duration = duration
        let result: ChatLoadResult
        do throws(SocketError) { result = try Self.run(configuration) } catch { throw CommandFailure("\(error)") }
        if let failure = result.failure { throw CommandFailure(failure) }
        StandardOutput.print(Self.summary(result))
        if result.lost >= members - (stalled ?? 0) { throw CommandFailure("all members who read were lost") }
        if result.local.count + result.remote.count == 0 {
            throw CommandFailure("nothing was measured: no message was delivered")
        }
    }

    private static func run(_ configuration: ChatLoadConfiguration) throws(SocketError) -> ChatLoadResult {
        let loop = try EventLoop()
        var result: ChatLoadResult?
        let load = ChatLoad(configuration, on: loop) {
            result = $0
            loop.stop()
        }
        load.begin()
        try loop.run()
        guard let result else { preconditionFailure("the load stops the loop") }
        return result
    }

    private static func summary(_ result: ChatLoadResult) -> String {
        var lines: [String] = []
        for (name, deliveries) in [("local", result.local), ("remote", result.remote)] where deliveries.expected > 0 {
            var line = "\(name.padded(to: 8))\(deliveries.count) of \(deliveries.expected) delivered"
            if let latency = deliveries.latency {
                line += "  p50 \(LoadSummary.time(latency.p50))  p99 \(LoadSummary.time(latency.p99))"
                line += "  p99.9 \(LoadSummary.time(latency.p999))  max \(LoadSummary.time(latency.max))"
            }
            lines.append(line)
        }
        lines.append("members \(result.lost) lost, \(result.stalledDropped) of those who did not read dropped")
        return lines.joined(separator: "\n")
    }
}
