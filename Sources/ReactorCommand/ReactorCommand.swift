// The command line: one subcommand a program, and what they have in common, which is how they fail.

import ArgumentParser
import CReactor

/// The root command: `reactor`.
@main
struct ReactorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reactor",
        abstract: "A TCP server framework's demos and measuring tools.",
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
            EchoCommand.self, ChatCommand.self, HTTPCommand.self, LoginCommand.self, TFTPCommand.self,
            DialogueCommand.self,
        ]
        // What the trait of the package can leave out.
        #if FileTransfer
            servers.insert(FilesCommand.self, at: 3)
        #endif
        return servers
    }

    /// Runs the command. A failure is reported in one line, where ArgumentParser would add its usage text.
    ///
    /// The exit status is 0, 64 for an invalid command line, or 1 when the command itself failed or its output could not be
    /// written. Not `async`: a loop's signals are those of the main thread, and an asynchronous main does not promise to
    /// stay on it.
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
