// The limits of a chat on the command line.

import ArgumentParser
import Demos

struct ChatOptions: ParsableArguments {
    private static let defaults = ChatLimits()

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Members of one room on this server. (default: \(ChatLimits().membersPerRoom))", valueName: "n"),
        transform: CountArgument.parse)
    var maxMembers = ChatOptions.defaults.membersPerRoom

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Rooms at once. (default: \(ChatLimits().rooms))", valueName: "n"),
        transform: CountArgument.parse)
    var maxRooms = ChatOptions.defaults.rooms

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Lines that a newcomer is shown of those before. (default: \(ChatLimits().history))", valueName: "n"),
        transform: CountArgument.parse)
    var history = ChatOptions.defaults.history

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Lines a second that a member may send for long; twice as many at once after a silence. \
            (default: \(ChatLimits().linesPerSecond))
            """, valueName: "n"),
        transform: CountArgument.parse)
    var linesPerSecond = ChatOptions.defaults.linesPerSecond

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long a member may leave more than 64 KiB unread before it is dropped. (default: 2s)", valueName: "time"
        ),
        transform: DurationArgument.required)
    var patience = ChatOptions.defaults.patience

    /// The limits as the chat takes them.
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
        if history > 50 { throw ValidationError("--history is at most 50: newcomers get it all at once") }
    }
}
