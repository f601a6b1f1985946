// `reactor tftp serve`: the TFTP server as a program.

import ArgumentParser
import Demos
import Reactor
import ReactorTFTP
import ServedFiles
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
    var maxTransfers: Int?

    /// Transfers that the process's descriptors are enough for.
    private static var mostTransfers: Int {
        let result = LinuxKernel.shared.descriptorLimit()
        let descriptors = result.succeeded ? result.rawValue : .max
        return max(1, (descriptors - 64) / TFTPLimits.descriptorsPerTransfer)
    }

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
        limits.transfersPerAddress = maxTransfersPerAddress
        (limits.fileSize, limits.patience) = (maxFileSize, patience)
        let most = Self.mostTransfers
        if maxTransfers.map({ $0 > most }) ?? false {
            throw ValidationError(
                "--max-transfers is \(maxTransfers ?? 0), and each takes up to \(TFTPLimits.descriptorsPerTransfer) "
                    + "descriptors: raise 'ulimit -n' or ask for at most \(most)")
        }
        limits.transfers = maxTransfers ?? min(most, limits.transfers)
        var server: TFTPServer?
        _ = try ServerProgram(program).run { [writable, verbose] loop, places throws(SocketError) in
            let made = TFTPServer(store, limits: limits, on: loop)
            if verbose { made.transferEnded = Self.show }
            if writable { AbandonedFiles.clean(served, on: loop) }
            let addresses = try places.datagramPlaces { socket throws(SocketError) in
                try made.start(on: socket)
                return socket.address
            } orBinding: { () throws(SocketError) in
                try made.start(on: program.listen ?? .loopback(port: 6969))
            }
            let most = "at most \(limits.transfers) transfers"
            let access = writable ? "writable" : "read-only"
            ServerLog.print("listening on \(ServerProgram.words(addresses)) (\(loop.backend), \(most), UDP, \(access))")
            server = made
            return .draining { time in made.drain(within: time) { loop.stop() } }
        }
        if let counters = server?.statistics { ServerLog.print(Self.summary(counters)) }
    }

    private static func show(_ report: TransferReport) {
        let verb = report.isWrite ? "write" : "read"
        let outcome =
            report.failure.map { "failed: \($0)" }
            ?? TransferSummary.words(report.statistics, in: report.duration)
        ServerLog.print("\(report.peer) \(verb) \(report.name) (\(report.mode)): \(outcome)")
    }

    private static func summary(_ counters: TFTPStatistics) -> String {
        """
        \(counters.read) files read, \(counters.written) written, \(counters.failed) transfers failed, \
        \(counters.refused) requests refused, \(counters.bytes) bytes, \(counters.repeated) packets sent again
        """
    }
}
