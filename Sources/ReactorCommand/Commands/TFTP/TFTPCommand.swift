// `reactor tftp`: a TFTP server and client, and the parsers of their arguments.

import ArgumentParser
import Demos
import Reactor
import ReactorTFTP

struct TFTPCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tftp",
        abstract: "Serve, get and put files over TFTP.",
        subcommands: [TFTPServeCommand.self, TFTPGetCommand.self, TFTPPutCommand.self])
}

/// Parsers for the arguments of the TFTP commands.
enum TFTPArgument {
    /// The default port of TFTP (RFC 1350).
    static let port: UInt16 = 69

    /// Parses `HOST:PORT`, or `HOST` with port 69.
    static func parseServer(_ text: String) throws -> SocketAddress {
        if !text.hasPrefix("[") && text.utf8.count(where: { $0 == UInt8(ascii: ":") }) > 1 {
            throw ValidationError("an IPv6 address needs brackets; use [::1]:69")
        }
        let hasPort = text.hasSuffix("]") ? false : text.contains(":")
        let address = try AddressArgument.parse(hasPort ? text : "\(text):\(port)")
        if address.isUnix { throw ValidationError("TFTP runs over UDP; use HOST or HOST:PORT") }
        return address
    }

    /// Parses a transfer mode, `octet` or `netascii`.
    static func parseMode(_ text: String) throws -> TFTPMode {
        guard let mode = TFTPMode.all.first(where: { $0.description == text }) else {
            throw ValidationError("use octet or netascii")
        }
        return mode
    }
}
