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
        abstract: "Serve the files of a directory over TFTP (RFC 1350, 2347, 2348, 2349, 7440).",
        discussion: """
            Try it with:  reactor tftp get 127.0.0.1:6969 FILE  or  curl -O tftp://127.0.0.1:6969/FILE
            TFTP has no passwords: any client can read every file in the directory that this user can read. No name \
            or symbolic link leads outside the directory. Clients may write files only with --writable; a file \
            appears when it is complete. The standard port is 69, which needs root.
            SIGINT (ctrl-C) and SIGTERM drain: the server accepts no new requests, finishes its transfers and exits \
            with status 0; a second signal ends it at once. SIGUSR2 restarts it without losing a request.
            """)

    @Argument(help: ArgumentHelp("The directory to serve.", valueName: "directory"))
    var directory: String

    @Flag(help: "Let clients write new files.")
    var writable = false

    @Flag(help: "With --writable: let clients replace existing files.")
    var replace = false

    @Flag(help: "Print a line for every finished transfer.")
    var verbose = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Most concurrent transfers; more are refused. (default: \(TFTPLimits().transfers))", valueName: "n"),
        transform: CountArgument.parse)
    var maxTransfers: Int?

    /// The number of transfers that the process's descriptor limit allows.
    private static var mostTransfers: Int {
        let result = LinuxKernel.shared.descriptorLimit()
        let descriptors = result.succeeded ? result.rawValue : .max
        return max(1, (descriptors - 64) / TFTPLimits.descriptorsPerTransfer)
    }

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Most transfers per address; an IPv6 /64 counts as one. (default: \(TFTPLimits().transfersPerAddress))",
            valueName: "n"),
        transform: CountArgument.parse)
    var maxTransfersPerAddress = TFTPLimits().transfersPerAddress

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Largest file that a client may write, in bytes. (default: \(TFTPLimits().fileSize))", valueName: "n"),
        transform: CountArgument.parse)
    var maxFileSize = TFTPLimits().fileSize

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Abort a transfer after this long without a packet. (default: 20s)", valueName: "time"),
        transform: DurationArgument.required)
    var patience = TFTPLimits().patience

    @OptionGroup var program: ProgramOptions

    func validate() throws {
        if replace && !writable { throw ValidationError("--replace has no effect without --writable; add --writable") }
        if program.listen?.isUnix == true { throw ValidationError("--listen: TFTP runs over UDP; use HOST:PORT") }
    }

    func run() throws {
        let served: ServedDirectory
        do {
            served = try ServedDirectory(FilePath(directory))
        } catch {
            let reason = error.errno.map { "\($0)" } ?? "\(error)"
            throw CommandFailure("cannot serve \(directory): \(reason); use a directory that this user can read")
        }
        let store = DirectoryTransferStore(served, writing: writable ? (replace ? .allFiles : .newFiles) : .nothing)
        var limits = TFTPLimits()
        limits.transfersPerAddress = maxTransfersPerAddress
        (limits.fileSize, limits.patience) = (maxFileSize, patience)
        let most = Self.mostTransfers
        if maxTransfers.map({ $0 > most }) ?? false {
            throw ValidationError(
                "--max-transfers is \(maxTransfers ?? 0), and each needs up to \(TFTPLimits.descriptorsPerTransfer) "
                    + "descriptors; raise 'ulimit -n' or use at most \(most)")
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
        \(counters.refused) requests refused, \(counters.bytes) bytes, \(counters.repeated) packets retransmitted
        """
    }
}
