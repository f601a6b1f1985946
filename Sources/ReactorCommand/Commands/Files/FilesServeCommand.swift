// `reactor files serve`: the file server as a program.

import ServedFiles

#if FileTransfer
    import ArgumentParser
    import Demos
    import FileTransfer
    import Reactor
    import SystemPackage

    struct FilesServeCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "serve",
            abstract: "Serve the files of a directory.",
            discussion: """
                Try it with:  reactor files open 127.0.0.1:7790  or  reactor files get 127.0.0.1:7790 NAME
                No name or symbolic link leads outside the directory. Files are accepted only with --writable. \
                Interrupted transfers can be resumed; the server keeps an incomplete upload for ten minutes. SIGINT \
                (ctrl-C) and SIGTERM drain: running transfers may finish within --drain, then the server exits with \
                status 0; a second signal ends it at once. SIGUSR2 restarts it without losing a connection attempt; \
                interrupted uploads start over.
                """)

        @Argument(help: ArgumentHelp("The directory to serve.", valueName: "dir"))
        var directory: String

        @Flag(help: "Accept uploads. An existing file is replaced only if the client asks for it.")
        var writable = false

        @OptionGroup var uploads: UploadOptions
        @OptionGroup var rates: RateOptions
        @OptionGroup var serving: ServingOptions

        func run() throws {
            let served: ServedDirectory
            do throws(FileAccessError) { served = try ServedDirectory(FilePath(directory)) } catch {
                let reason = error.kind == .notFound ? "no such directory" : "\(error)"
                throw CommandFailure("cannot serve \(directory): \(reason); use an existing directory")
            }
            var program = ServerProgram(serving)
            program.adjust = rates.apply
            program.details = [writable ? "files can be put" : "read-only"]
            // The user of a session may be silent for a while, even before the first command.
            (program.idleTime, program.firstMessageTime) = (.seconds(600), .seconds(600))
            program.descriptorsPerFile = 2
            var files: TransferServer?
            // Runs after all loops have ended, and removes the incomplete uploads that were kept.
            defer { files?.shutdown() }
            let counters = try program.serve(at: .loopback(port: 7790)) { [program] server, loop throws(SocketError) in
                var limits = TransferServer.Limits()
                limits.uploadRate = uploads.rate(besides: rates)
                limits.openFiles = program.openFiles(on: loop)
                let made = TransferServer(
                    DirectoryStore(served), hash: SHA256Hash.self, isWritable: writable, limits: limits)
                files = made
                if writable { AbandonedFiles.clean(served, on: loop) }
                return try server.listen(on: loop) { _ in { _ in made.makeHandler() } }
            }
            ServerLog.print(
                """
                served \(counted(counters.connectionsOpened, "connection")) (\(counters.connectionsRefused) refused), \
                \(counters.bytesReceived) bytes received, \(counters.bytesSent) sent
                """)
        }
    }
#endif
