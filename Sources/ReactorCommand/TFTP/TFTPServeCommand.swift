// `reactor tftp serve`: the TFTP server as a program.

import ArgumentParser
import Demos
import Reactor
import SystemPackage

struct TFTPServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the files of a directory by TFTP (RFC 1350, 2347, 2348, 2349, 7440).",
        discussion: """
            Try it with:  reactor tftp get 127.0.0.1:6969 FILE  or  curl -O tftp://127.0.0.1:6969/FILE
            Anybody can read every file in the directory that this program can: TFTP has no passwords. Nothing outside of \
            the directory can be reached, by no name and no symbolic link. Files are written only with --writable, and are \
            there when they are complete. Its usual port is 69, which needs root.
            SIGINT (ctrl-C) and SIGTERM drain: no new requests, transfers end, then it exits with status 0; a second one \
            ends it at once. SIGUSR2 restarts it without losing a request.
            """)

    @Argument(help: ArgumentHelp("The directory whose files are served.", valueName: "directory"))
    var directory: String

    @Flag(help: "Clients may write files that are not there yet.")
    var writable = false

    @Flag(help: "With --writable: they may replace files, too.")
    var replace = false

    @Flag(help: "Print a line for every transfer that is over.")
    var verbose = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Transfers at once; more are refused. (default: \(TFTPLimits().transfers))", valueName: "n"),
        transform: CountArgument.parse)
    var maxTransfers = TFTPLimits().transfers

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Transfers at once of one address; an IPv6 /64 is one. (default: \(TFTPLimits().transfersPerAddress))",
            valueName: "n"),
        transform: CountArgument.parse)
    var maxTransfersPerAddress = TFTPLimits().transfersPerAddress

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Bytes of a file that is written. (default: \(TFTPLimits().fileSize))", valueName: "n"),
        transform: CountArgument.parse)
    var maxFileSize = TFTPLimits().fileSize

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long a client may be silent. (default: 20s)", valueName: "time"),
        transform: DurationArgument.required)
    var patience = TFTPLimits().patience

    @OptionGroup var program: ProgramOptions

    func validate() throws {
        if replace && !writable { throw ValidationError("--replace is for --writable: give both") }
        if program.listen?.isUnix == true { throw ValidationError("--listen: TFTP is over UDP: write HOST:PORT") }
    }

    func run() throws {
        let served: ServedDirectory
        do {
            served = try ServedDirectory(FilePath(directory))
        } catch {
            let reason = error.errno.map { "\($0)" } ?? "\(error)"
            throw CommandFailure("cannot serve \(directory): \(reason); name a directory that this user can read")
        }
        let store = DirectoryTransferStore(served, writing: writable ? (replace ? .allFiles : .newFiles) : .nothing)
        var limits = TFTPLimits()
        (limits.transfers, limits.transfersPerAddress) = (maxTransfers, maxTransfersPerAddress)
        (limits.fileSize, limits.patience) = (maxFileSize, patience)
        var server: TFTPServer?
        _ = try ServerProgram(program).run { [writable, verbose] loop, places throws(SocketError) in
            let made = TFTPServer(store, limits: limits, on: loop)
            if verbose { made.transferEnded = Self.show }
            let addresses = try places.datagramPlaces { socket throws(SocketError) in
                try made.start(on: socket)
                return socket.address
            } orBinding: { () throws(SocketError) in
                try made.start(on: program.listen ?? .loopback(port: 6969))
            }
            print(
                "listening on \(ServerProgram.words(addresses)) (\(loop.backend), UDP, \(writable ? "writable" : "read-only"))"
            )
            server = made
            return .draining { time in made.drain(within: time) { loop.stop() } }
        }
        if let counters = server?.statistics { print(Self.summary(counters)) }
    }

    private static func show(_ report: TransferReport) {
        let verb = report.isWrite ? "write" : "read"
        let outcome =
            report.failure.map { "failed: \($0)" }
            ?? TransferSummary.words(report.statistics, in: report.duration)
        print("\(report.peer) \(verb) \(report.name) (\(report.mode)): \(outcome)")
        StandardOutput.flush()
    }

    private static func summary(_ counters: TFTPStatistics) -> String {
        """
        \(counters.read) files read, \(counters.written) written, \(counters.failed) transfers failed, \
        \(counters.refused) requests refused, \(counters.bytes) bytes, \(counters.repeated) packets sent again
        """
    }
}
