// `reactor tftp get`: a file from a TFTP server.

import ArgumentParser
import Demos
import Reactor
import ReactorTFTP
import SystemPackage

struct TFTPGetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Get a file from a TFTP server.",
        discussion: """
            The file is there under its name when it is complete, and replaces one of that name. Exit status: 0 when it is, \
            1 when it is not, 128 and the signal's number when a signal ended it.

            EXAMPLES
              reactor tftp get 127.0.0.1:6969 boot.img
              reactor tftp get 192.0.2.1 pxelinux.0 - > pxelinux.0
              reactor tftp get 192.0.2.1 motd --mode netascii --plain
            """)

    @Argument(
        help: ArgumentHelp("The server, HOST or HOST:PORT; its usual port is 69.", valueName: "server"),
        transform: TFTPArgument.parseServer)
    var server: SocketAddress

    @Argument(help: ArgumentHelp("The file's name there.", valueName: "remote"))
    var remote: String

    @Argument(
        help: ArgumentHelp(
            "Its name here; '-' is standard output. (default: the last part of the name there)", valueName: "local"))
    var local: String?

    @OptionGroup var transfer: TransferOptions

    private var localName: String { local ?? FilePath(remote).lastComponent?.string ?? "" }

    func validate() throws {
        if remote.isEmpty { throw ValidationError("the file's name is missing") }
        if localName.isEmpty { throw ValidationError("\(remote) has no last part: give it a name here") }
        if local == "-" && transfer.json == "-" {
            throw ValidationError("the file and the JSON cannot both be written to standard output")
        }
    }

    func run() throws {
        let sink = try LocalFile.sink(localName)
        do {
            try TransferRun(transfer, server: server, remote: remote, local: localName, verb: "got").perform {
                loop, ended throws(SocketError) in
                try TFTPClient.get(
                    Array(remote.utf8), from: server, into: sink, transfer.settings, on: loop, ended: ended)
            }
        } catch {
            sink.discard()  // does nothing when the transfer has
            throw error
        }
    }
}
