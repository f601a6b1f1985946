// An address on the command line, numeric or a name that the system's resolver knows.

import ArgumentParser
import Reactor

/// Socket addresses as command-line arguments.
enum AddressArgument {
    /// Takes the path of a Unix socket, or `@` and an abstract name.
    static func parseUnix(_ path: String) throws -> SocketAddress {
        do throws(SocketError) { return try .unix(path) } catch { throw ValidationError(error.reason) }
    }

    /// Parses `HOST:PORT` and looks names up, which may take seconds.
    ///
    /// - Returns: The first address, the one to be tried first.
    /// - Throws: `ValidationError`, in one line.
    static func parse(_ text: String) throws -> SocketAddress {
        do throws(SocketError) {
            guard let address = try SocketAddress.resolve(text).first else {
                throw SocketError(.resolve, subject: text, reason: "it has no address")
            }
            return address
        } catch {
            let advice = error.operation == .resolve ? "; check the name, or write the address in numbers" : ""
            throw ValidationError(error.reason + advice)
        }
    }
}
