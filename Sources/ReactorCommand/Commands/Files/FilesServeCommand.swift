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
                Nothing outside of the directory can be reached, whatever a name says and wherever links lead. It takes no \
                files unless it is told --writable. Interrupted transfers can be gone on with: what is left of an upload \
                is kept for ten minutes. SIGINT (ctrl-C) and SIGTERM drain: transfers that are going on are finished \
                within --drain, then it exits with status 0; a second one ends it at once. SIGUSR2 restarts it without losing \
                a connection attempt; interrupted uploads begin again.
                """)

        @Argument(help: ArgumentHelp("The directory.", valueName: "dir"))
        var directory: String

        @Flag(help: "Take files as well. An existing file is replaced only where a client says so.")
        var writable = false

        @OptionGroup var uploads: UploadOptions
        @OptionGroup var rates: RateOptions
        @OptionGroup var serving: ServingOptions

        func run() throws {
            let served: ServedDirectory
            do throws(FileAccessError) { served = try ServedDirectory(FilePath(directory)) } catch {
                let reason = error.kind == .notFound ? "there is no such directory" : "\(error)"
                throw CommandFailure("cannot serve \(directory): \(reason); name a directory")
            }
            var program = ServerProgram(serving)
            program.adjust = rates.apply
            program.details = [writable ? "files can be put" : "read-only"]
            // A user may think for a while, also at first.
            (program.idleTime, program.firstMessageTime) = (.seconds(600), .seconds(600))
            program.descriptorsPerFile = 2
            var files: TransferServer?
            // Ends with all loops: what was kept of uploads goes with it.
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
                served \(counters.connectionsOpened) connections (\(counters.connectionsRefused) refused), \
                \(counters.bytesReceived) bytes received, \(counters.bytesSent) sent
                """)
        }
    }
#endif
