// `reactor http`: the HTTP file server as a program.

import ArgumentParser
import Demos
import Reactor
import ReactorHTTP
import ServedFiles
import SystemPackage

struct HTTPCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "http",
        abstract: "Serve the files of a directory over HTTP/1.1.",
        discussion: """
            Try it with:  curl -i http://127.0.0.1:8080/  (with --list it shows the directory)
            Serves every file below the directory that this user may read, including files whose names begin with a \
            dot. No path or symbolic link leads outside the directory. A directory is served as its index.html. \
            SIGINT (ctrl-C) and SIGTERM drain: the server accepts no new connections, answers the requests it has and \
            exits with status 0; a second signal ends it at once. SIGUSR2 restarts it without losing a connection \
            attempt.
            """)

    @Argument(help: "The directory to serve.")
    var directory: String

    @Flag(help: "List a directory that has no index.html, except names that begin with a dot.")
    var list = false

    @Option(
        help: ArgumentHelp(
            "Serve an example form at this path, as /form. It responds with the submitted fields.", valueName: "path"))
    var form: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Largest body of a request, in bytes; larger ones are refused. (default: \(HTTPLimits().bodyBytes))",
            valueName: "n"),
        transform: CountArgument.parse)
    var maxBody = HTTPLimits().bodyBytes

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long the head of a request may take from its first byte. (default: 10s)", valueName: "time"),
        transform: DurationArgument.required)
    var headTimeout = HTTPLimits().headTime

    @OptionGroup var uploads: UploadOptions
    @OptionGroup var rates: RateOptions
    @OptionGroup var serving: ServingOptions

    func validate() throws {
        if let form,
            !form.hasPrefix("/") || !form.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"%?#".utf8.contains($0) })
        {
            throw ValidationError("invalid --form; use a path that begins with a slash and has no '%', '?' or '#'")
        }
    }

    func run() throws {
        let store: ServedDirectory
        do {
            store = try ServedDirectory(FilePath(directory))
        } catch {
            throw CommandFailure(
                "cannot serve \(directory): \(Self.reason(error)); use a directory that this user can read")
        }
        var options = HTTPFileServer.Options()
        options.listsDirectories = list
        options.formPath = form
        options.limits.bodyBytes = maxBody
        options.limits.formBytes = min(maxBody, options.limits.formBytes)
        options.limits.headTime = headTimeout
        options.limits.bodyRate = uploads.rate(besides: rates)
        let counts = HTTPCounts()
        var program = ServerProgram(serving)
        program.adjust = rates.apply
        program.details = ["files of \(directory)"]
        program.descriptorsPerFile = 1
        let counters = try program.serve(at: .loopback(port: 8080)) { [program] server, loop throws(SocketError) in
            options.openFiles = FileBudget(program.openFiles(on: loop))
            return try server.listen(on: loop) { [options] loop in
                let files = HTTPFileServer(store, kernel: loop.kernel, options: options, counts: counts)
                return { _ in HTTPSession(files) }
            }
        }
        ServerLog.print(
            """
            served \(counted(counters.connectionsOpened, "connection")) (\(counters.connectionsRefused) refused), \
            \(counts.responses) requests processed, \(counts.rejected) rejected, \(counters.bytesSent) bytes sent
            """)
    }

    private static func reason(_ error: FileAccessError) -> String {
        switch error.errno {
        case .noSuchFileOrDirectory: "no such directory"
        case .notDirectory: "not a directory"
        default: error.errno.map { "\($0)" } ?? "\(error)"
        }
    }
}
