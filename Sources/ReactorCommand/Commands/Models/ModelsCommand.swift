// `reactor models`: the ways to build a server, each as a program, and a comparison of all of them.

import ArgumentParser

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Run an echo server built on a given model, or compare all models.",
        discussion: """
            The ways to build a server, from one client after another to the reactor, each serving the same echo. \
            docs/tutorial.md explains them step by step.

            Try it with:
              reactor models list
              reactor models --model fork        and in another terminal:  nc 127.0.0.1 7788
              reactor models compare --quick
            """,
        subcommands: [ModelsServeCommand.self, ModelsListCommand.self, ModelsCompareCommand.self],
        defaultSubcommand: ModelsServeCommand.self)
}
