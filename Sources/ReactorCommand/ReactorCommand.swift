// The root of the command line: every program is a subcommand, and all of them fail in the same way.

import ArgumentParser
import CReactor

/// The root command: `reactor`.
@main
struct ReactorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reactor",
        abstract: "Servers, experiments and measuring tools built on the swift-reactor framework.",
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(name: "Server", subcommands: servers),
            CommandGroup(
                name: "Experiment",
                subcommands: [
                    ModelsCommand.self, FramingCommand.self, BacklogCommand.self, ResolveCommand.self, UDPCommand.self,
                    BroadcastCommand.self,
                ]),
            CommandGroup(name: "Measuring", subcommands: [LoadCommand.self, BenchCommand.self, TopCommand.self]),
        ])

    private static var servers: [any ParsableCommand.Type] {
        var servers: [any ParsableCommand.Type] = [
            EchoCommand.self, ProxyCommand.self, ChatCommand.self, HTTPCommand.self, LoginCommand.self,
            TFTPCommand.self, DialogueCommand.self,
        ]
        // The package trait FileTransfer controls whether this command is built.
        #if FileTransfer
            servers.insert(FilesCommand.self, at: 4)
        #endif
        return servers
    }

    /// Runs the command and exits. A failure is reported in one line, without ArgumentParser's usage text.
    ///
    /// The exit status is 0, 64 for an invalid command line, or 1 when the command failed or its output could not be
    /// written. Not `async`: an event loop receives the main thread's signals, and an asynchronous `main` may leave
    /// that thread.
    static func main() {
        creactor_occupy_standard_streams()
        var failure: (any Error)?
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            failure = error
        }
        CommandEnd.leave(after: failure)
    }
}
