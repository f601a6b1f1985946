// The command line: one subcommand a program, and what they have in common, which is how they fail.

import ArgumentParser

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

    /// Runs the command; what fails is told in one line, where ArgumentParser would add its usage text.
    ///
    /// The exit status is 0, 64 for a command line that makes no sense, or 1 when the command itself failed. Not `async`:
    /// a loop's signals are those of the main thread, and an asynchronous main does not promise to stay on it.
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let status = exitCode(for: error)
            let message = message(for: error)
            // Help and version are errors to ArgumentParser, and successes.
            if status.isSuccess || message.isEmpty { exit(withError: error) }
            // The parser's own words say what is wrong, but not where to read on.
            let isParsers = ["Unknown", "Unexpected", "Missing"].contains { message.hasPrefix($0) }
            let advice = isParsers ? "; see 'reactor --help' and 'reactor COMMAND --help'" : ""
            StandardError.write("reactor: \(message)\(advice)\n")
            exit(withError: status)
        }
    }
}
