// `reactor tftp`: files over UDP, in three commands, and what a server's address looks like to them.

import ArgumentParser
import Demos
import Reactor
import ReactorTFTP

struct TFTPCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tftp",
        abstract: "Serve, get and put files by TFTP.",
        subcommands: [TFTPServeCommand.self, TFTPGetCommand.self, TFTPPutCommand.self])
}

/// Arguments of the commands.
enum TFTPArgument {
    /// The port of TFTP (RFC 1350).
    static let port: UInt16 = 69

    /// Parses `HOST:PORT` or `HOST`, which has port 69.
    static func parseServer(_ text: String) throws -> SocketAddress {
        if !text.hasPrefix("[") && text.utf8.count(where: { $0 == UInt8(ascii: ":") }) > 1 {
            throw ValidationError("write an IPv6 address in brackets, as [::1]:69")
        }
        let hasPort = text.hasSuffix("]") ? false : text.contains(":")
        let address = try AddressArgument.parse(hasPort ? text : "\(text):\(port)")
        if address.isUnix { throw ValidationError("TFTP is over UDP: write HOST or HOST:PORT") }
        return address
    }

    /// Parses a mode.
    static func parseMode(_ text: String) throws -> TFTPMode {
        guard let mode = TFTPMode.all.first(where: { $0.description == text }) else {
            throw ValidationError("use octet or netascii")
        }
        return mode
    }
}
