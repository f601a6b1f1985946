// Socket addresses on the command line: numeric, or a host name for the system's resolver.

import ArgumentParser
import Reactor

/// Parsers for socket addresses on the command line.
enum AddressArgument {
    /// Parses the path of a Unix socket, or `@NAME` for one in the abstract namespace (unix(7)).
    ///
    /// - Throws: `ValidationError` with a one-line message.
    static func parseUnix(_ path: String) throws -> SocketAddress {
        do throws(SocketError) { return try .unix(path) } catch { throw ValidationError(error.reason) }
    }

    /// Parses `HOST:PORT` and resolves a host name, which may block for seconds.
    ///
    /// - Returns: The first of the host's addresses, which is the one to try first.
    /// - Throws: `ValidationError` with a one-line message.
    static func parse(_ text: String) throws -> SocketAddress {
        do throws(SocketError) {
            guard let address = try SocketAddress.resolve(text).first else {
                throw SocketError(.resolve, subject: text, reason: "the host has no address")
            }
            return address
        } catch {
            let advice = error.operation == .resolve ? "; check the name, or use a numeric address" : ""
            throw ValidationError(error.reason + advice)
        }
    }
}
