// `reactor tftp get`: downloads a file from a TFTP server.

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
            The file gets its name when it is complete, and then replaces an existing file. Exit status: 0 on \
            success, 1 on failure, 128 plus the signal's number after a signal.

            EXAMPLES
              reactor tftp get 127.0.0.1:6969 boot.img
              reactor tftp get 192.0.2.1 pxelinux.0 - > pxelinux.0
              reactor tftp get 192.0.2.1 motd --mode netascii --plain
            """)

    @Argument(
        help: ArgumentHelp("The server, HOST or HOST:PORT; the default port is 69.", valueName: "server"),
        transform: TFTPArgument.parseServer)
    var server: SocketAddress

    @Argument(help: ArgumentHelp("The file's name on the server.", valueName: "remote"))
    var remote: String

    @Argument(
        help: ArgumentHelp(
            "The local name; '-' is standard output. (default: the last component of the remote name)",
            valueName: "local"))
    var local: String?

    @OptionGroup var transfer: TransferOptions

    private var localName: String { local ?? FilePath(remote).lastComponent?.string ?? "" }

    func validate() throws {
        if remote.isEmpty { throw ValidationError("the file's name is missing") }
        if localName.isEmpty { throw ValidationError("\(remote) has no last component; add a local name") }
        if local == "-" && transfer.json == "-" {
            throw ValidationError("the file and the JSON cannot both go to standard output; use a file for one")
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
            sink.discard()  // no effect if the transfer has discarded it already
            throw error
        }
    }
}
