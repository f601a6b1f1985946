// `reactor http`: the file server as a program.

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
            Try it with:  curl -i http://127.0.0.1:8080/  (with --list it shows what is there)
            All files below the directory that this user may read are served, those whose names begin with a dot as well; \
            nothing outside of it is, whatever a path says and wherever symbolic links lead. A directory's page is its \
            index.html. SIGINT (ctrl-C) and SIGTERM drain: no new connections, what was asked for is answered, then it \
            exits with status 0; a second one ends it at once. SIGUSR2 restarts it without losing a connection attempt.
            """)

    @Argument(help: "The directory to serve.")
    var directory: String

    @Flag(help: "A directory without an index.html shows what is in it, but for names that begin with a dot.")
    var list = false

    @Option(
        help: ArgumentHelp(
            "Serve an example form at this path, as /form. It answers with what was filled in.", valueName: "path"))
    var form: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Bytes of a request's body; a larger one is refused. (default: \(HTTPLimits().bodyBytes))", valueName: "n"),
        transform: CountArgument.parse)
    var maxBody = HTTPLimits().bodyBytes

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long a request's head may take from its first byte. (default: 10s)", valueName: "time"),
        transform: DurationArgument.required)
    var headTimeout = HTTPLimits().headTime

    @OptionGroup var uploads: UploadOptions
    @OptionGroup var rates: RateOptions
    @OptionGroup var serving: ServingOptions

    func validate() throws {
        if let form,
            !form.hasPrefix("/") || !form.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"%?#".utf8.contains($0) })
        {
            throw ValidationError("--form takes a path that begins with a slash and has no '%', '?' or '#'")
        }
    }

    func run() throws {
        let store: ServedDirectory
        do {
            store = try ServedDirectory(FilePath(directory))
        } catch {
            throw CommandFailure("\(directory): \(Self.reason(error)); name a directory that can be read")
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
            served \(counters.connectionsOpened) connections (\(counters.connectionsRefused) refused), \
            \(counts.answered) requests answered, \(counts.refused) refused, \(counters.bytesSent) bytes sent
            """)
    }

    private static func reason(_ error: FileAccessError) -> String {
        switch error.errno {
        case .noSuchFileOrDirectory: "there is no such directory"
        case .notDirectory: "it is no directory"
        default: error.errno.map { "\($0)" } ?? "\(error)"
        }
    }
}
