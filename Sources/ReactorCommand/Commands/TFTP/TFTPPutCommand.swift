// `reactor tftp put`: uploads a file to a TFTP server.

import ArgumentParser
import Demos
import Reactor
import ReactorTFTP
import SystemPackage

struct TFTPPutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Put a file on a TFTP server.",
        discussion: """
            Exit status: 0 when the server has acknowledged the whole file, 1 on failure, 128 plus the signal's number \
            after a signal.

            EXAMPLES
              reactor tftp put 127.0.0.1:6969 config.txt
              tar c . | reactor tftp put 127.0.0.1:6969 - backup.tar
            """)

    @Argument(
        help: ArgumentHelp("The server, HOST or HOST:PORT; the default port is 69.", valueName: "server"),
        transform: TFTPArgument.parseServer)
    var server: SocketAddress

    @Argument(help: ArgumentHelp("The local file; '-' is standard input.", valueName: "local"))
    var local: String

    @Argument(
        help: ArgumentHelp(
            "The name on the server. (default: the last component of the local name)", valueName: "remote"))
    var remote: String?

    @OptionGroup var transfer: TransferOptions

    private var remoteName: String { remote ?? (local == "-" ? "" : FilePath(local).lastComponent?.string ?? "") }

    func validate() throws {
        if remoteName.isEmpty { throw ValidationError("the remote name is missing; add it after the local file") }
    }

    func run() throws {
        let (source, size) = try LocalFile.source(local)
        try TransferRun(transfer, server: server, remote: remoteName, local: local, verb: "put").perform {
            loop, ended throws(SocketError) in
            try TFTPClient.put(
                source, size: size, to: server, as: Array(remoteName.utf8), transfer.settings, on: loop, ended: ended)
        }
    }
}
