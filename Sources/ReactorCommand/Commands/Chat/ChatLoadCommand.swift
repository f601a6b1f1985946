// `reactor chat load`: measures how long a chat server takes to deliver a message to all members of a room.

import ArgumentParser
import LoadGenerator
import Reactor

struct ChatLoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Put a load on a chat server and measure delivery latency.",
        discussion: """
            All members are in the lobby and send messages in turn; every delivery is timed from the moment at which \
            its message was due. With several servers, the members are spread over them, and deliveries on the \
            sender's own server are counted separately from those on others.
            """)

    @Argument(help: "The servers, HOST:PORT each.", transform: AddressArgument.parse)
    var addresses: [SocketAddress]

    @Option(parsing: .unconditional, help: "Number of members. (default: 1000)", transform: CountArgument.parse)
    var members = 1_000

    @Option(parsing: .unconditional, help: "Members that stop reading. (default: 0)", transform: CountArgument.parse)
    var stalled: Int?

    @Option(parsing: .unconditional, help: "Messages per second. (default: 10)", transform: CountArgument.parse)
    var rate = 10

    @Option(parsing: .unconditional, help: "Bytes per message. (default: 64)", transform: CountArgument.parse)
    var size = 64

    @Option(
        parsing: .unconditional, help: "How long to send messages. (default: 10s)",
        transform: DurationArgument.required)
    var duration = Duration.seconds(10)

    func validate() throws {
        if size > 1_000 { throw ValidationError("--size does not fit into a chat line; use at most 1000") }
        if members - (stalled ?? 0) < 2 {
            throw ValidationError("--members minus --stalled must be at least 2: a sender and a reader")
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
        if result.lost >= members - (stalled ?? 0) { throw CommandFailure("all reading members lost their connection") }
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
        lines.append("members \(result.lost) lost, \(result.stalledDropped) stalled ones dropped")
        return lines.joined(separator: "\n")
    }
}
