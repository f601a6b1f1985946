// `reactor tftp put`: a file to a TFTP server.

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
            Exit status: 0 when the server has acknowledged all of it, 1 when it has not, 128 and the signal's number when \
            a signal ended it.

            EXAMPLES
              reactor tftp put 127.0.0.1:6969 config.txt
              tar c . | reactor tftp put 127.0.0.1:6969 - backup.tar
            """)

    @Argument(
        help: ArgumentHelp("The server, HOST or HOST:PORT; its usual port is 69.", valueName: "server"),
        transform: TFTPArgument.parseServer)
    var server: SocketAddress

    @Argument(help: ArgumentHelp("The file here; '-' is standard input.", valueName: "local"))
    var local: String

    @Argument(
        help: ArgumentHelp(
            "What it is to be called there. (default: the last part of its name here)", valueName: "remote"))
    var remote: String?

    @OptionGroup var transfer: TransferOptions

    private var remoteName: String { remote ?? (local == "-" ? "" : FilePath(local).lastComponent?.string ?? "") }

    func validate() throws {
        if remoteName.isEmpty { throw ValidationError("say what the file is to be called there") }
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
