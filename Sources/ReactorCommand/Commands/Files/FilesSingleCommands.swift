// `reactor files list`, `get` and `put`: one thing done, and told in a line.

#if FileTransfer
    import ArgumentParser
    import FileTransfer
    import SystemPackage

    struct FilesListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the files of a server.",
            discussion: "Try it with:  reactor files list 127.0.0.1:7790")

        @OptionGroup var server: FilesAddress

        @Argument(help: ArgumentHelp("A directory there. (default: the one that is served)", valueName: "dir"))
        var directory = ""

        @Flag(help: "Print JSON: name, kind, size, modified.")
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
                It is called LOCAL.part until it is complete and its SHA-256 is the server's. Interrupted, the same \
                command again goes on where it was.
                """)

        @OptionGroup var server: FilesAddress

        @Argument(help: "The file there.")
        var name: String

        @Argument(
            help: "What to call it here, or a directory to put it into. (default: the last part of its name)")
        var local: String?

        @Flag(help: "Replace a file that is here already.")
        var replace = false

        func validate() throws {
            if local == nil, name.isEmpty || name.hasSuffix("/") {
                throw ValidationError("'\(name)' is no name of a file; say what to call it here")
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
                It is there when it is complete and the server has verified its SHA-256. Interrupted, the same command \
                again, within ten minutes, goes on where it was.
                """)

        @OptionGroup var server: FilesAddress

        @Argument(help: "The file here.")
        var local: String

        @Argument(help: "What to call it there. (default: the last part of its name)")
        var name: String?

        @Flag(help: "Replace a file that is there already.")
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
        /// The error, if it is one.
        var failure: Failure? {
            if case .failure(let error) = self { return error }
            return nil
        }
    }
#endif
