// `reactor chat`: a chat server, its client, and a load generator for it.

import ArgumentParser

struct ChatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Run a chat server, join a chat, or measure a server.",
        subcommands: [ChatServeCommand.self, ChatJoinCommand.self, ChatLoadCommand.self])
}
