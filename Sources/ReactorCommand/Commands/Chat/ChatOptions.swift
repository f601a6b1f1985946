// The limits of a chat server on the command line.

import ArgumentParser
import Demos

struct ChatOptions: ParsableArguments {
    private static let defaults = ChatLimits()

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Most members per room on this server. (default: \(ChatLimits().membersPerRoom))", valueName: "n"),
        transform: CountArgument.parse)
    var maxMembers = ChatOptions.defaults.membersPerRoom

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Most rooms. (default: \(ChatLimits().rooms))", valueName: "n"),
        transform: CountArgument.parse)
    var maxRooms = ChatOptions.defaults.rooms

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Earlier lines shown to a joining member, at most 50. (default: \(ChatLimits().history))", valueName: "n"),
        transform: CountArgument.parse)
    var history = ChatOptions.defaults.history

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Lines per second that a member may send on average, with bursts of twice as many. \
            (default: \(ChatLimits().linesPerSecond))
            """, valueName: "n"),
        transform: CountArgument.parse)
    var linesPerSecond = ChatOptions.defaults.linesPerSecond

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Drop a member that leaves more than 64 KiB unread for this long. (default: 2s)", valueName: "time"
        ),
        transform: DurationArgument.required)
    var patience = ChatOptions.defaults.patience

    /// The limits for the chat server.
    var limits: ChatLimits {
        var limits = ChatLimits()
        limits.membersPerRoom = maxMembers
        limits.rooms = maxRooms
        limits.history = history
        limits.linesPerSecond = linesPerSecond
        limits.burst = 2 * linesPerSecond
        limits.patience = patience
        return limits
    }

    func validate() throws {
        if history > 50 { throw ValidationError("--history is too large to send at once; use at most 50") }
    }
}
