// `reactor files`: a file server, and its client as single commands and as an interactive session.

#if FileTransfer
    import ArgumentParser

    struct FilesCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "files",
            abstract: "Serve the files of a directory, or transfer files to and from a server.",
            subcommands: [
                FilesServeCommand.self, FilesListCommand.self, FilesGetCommand.self, FilesPutCommand.self,
                FilesOpenCommand.self,
            ])
    }
#endif
