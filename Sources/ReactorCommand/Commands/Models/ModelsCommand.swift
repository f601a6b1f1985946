// `reactor models`: the ways to build a server, each as a program, and all of them compared.

import ArgumentParser

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Run an echo server of the model you name, or compare all models.",
        discussion: """
            From one client after another to the reactor: the ways in which servers have been built, each with the same \
            echo in it. docs/tutorial.md goes through them, one step after another.

            Try it with:
              reactor models list
              reactor models --model fork        and, elsewhere:  nc 127.0.0.1 7788
              reactor models compare --quick
            """,
        subcommands: [ModelsServeCommand.self, ModelsListCommand.self, ModelsCompareCommand.self],
        defaultSubcommand: ModelsServeCommand.self)
}
