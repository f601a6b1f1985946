// `reactor chat`: the chat, its server and its client, and the load that measures it.

import ArgumentParser

struct ChatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Run a chat server, or take part in a chat.",
        subcommands: [ChatServeCommand.self, ChatJoinCommand.self, ChatLoadCommand.self])
}
