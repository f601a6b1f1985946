// `reactor files list`, `get` and `put`: one operation each, reported in a line.

#if FileTransfer
    import ArgumentParser
    import FileTransfer
    import SystemPackage

    struct FilesListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the files of a server.",
            discussion: "Try it with:  reactor files list 127.0.0.1:7790")

        @OptionGroup var server: FilesAddress

        @Argument(help: ArgumentHelp("The directory on the server. (default: the one it serves)", valueName: "dir"))
        var directory = ""

        @Flag(help: "Print a JSON array with name, kind, size and modified.")
        var json = false

        func run() throws {
            let output = json ? try JSONOutput("-") : nil
            var entries: [FilesWork.Entry] = []
            try FilesClient.run(server) { client in
                FilesWork(client: client, show: { StandardOutput.print($0) }).list(directory) { outcome in
                    switch outcome {
                    case .success(let list): entries = list
                    case .failure: break
                    }
                    client.leave(outcome.failure)
                }
            }
            if let output { return try output.write(entries) }
            for line in FilesWork.lines(entries) { StandardOutput.print(line) }
        }
    }

    struct FilesGetCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get", abstract: "Get a file from a server.",
            discussion: """
                Try it with:  reactor files get 127.0.0.1:7790 NAME
                The file is called LOCAL.part until it is complete and its SHA-256 matches the server's. To resume an \
                interrupted download, repeat the command.
                """)

        @OptionGroup var server: FilesAddress

        @Argument(help: "The file on the server.")
        var name: String

        @Argument(
            help: "The local name, or a local directory. (default: the last component of the file's name)")
        var local: String?

        @Flag(help: "Replace an existing local file.")
        var replace = false

        func validate() throws {
            if local == nil, name.isEmpty || name.hasSuffix("/") {
                throw ValidationError("'\(name)' is not the name of a file; add a local name")
            }
        }

        func run() throws {
            let last = name.split(separator: "/").last.map(String.init) ?? name
            try FilesClient.run(server) { client in
                FilesWork(client: client, show: { StandardOutput.print($0) }).get(
                    name, to: local ?? last, replaces: replace
                ) {
                    client.leave($0.failure)
                }
            }
        }
    }

    struct FilesPutCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "put", abstract: "Put a file on a server that was started with --writable.",
            discussion: """
                Try it with:  reactor files put 127.0.0.1:7790 FILE
                The file appears on the server once it is complete and the server has verified its SHA-256. To resume \
                an interrupted upload, repeat the command within ten minutes.
                """)

        @OptionGroup var server: FilesAddress

        @Argument(help: "The local file.")
        var local: String

        @Argument(help: "The name on the server. (default: the last component of the local name)")
        var name: String?

        @Flag(help: "Replace an existing file on the server.")
        var replace = false

        func run() throws {
            let last = FilePath(local).lastComponent?.string ?? local
            try FilesClient.run(server) { client in
                FilesWork(client: client, show: { StandardOutput.print($0) }).put(
                    local, as: name ?? last, replaces: replace
                ) {
                    client.leave($0.failure)
                }
            }
        }
    }

    extension Result {
        /// The error; `nil` for a success.
        var failure: Failure? {
            if case .failure(let error) = self { return error }
            return nil
        }
    }
#endif
