// `reactor files`: files over a network, the server, and the client as single commands and as a session.

#if FileTransfer
    import ArgumentParser

    struct FilesCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "files",
            abstract: "Serve a directory's files, or get them and put new ones.",
            subcommands: [
                FilesServeCommand.self, FilesListCommand.self, FilesGetCommand.self, FilesPutCommand.self,
                FilesOpenCommand.self,
            ])
    }
#endif
