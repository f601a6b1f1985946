// The address of a Redis server on the command line: `redis://HOST:PORT`.

import ArgumentParser
import Reactor

/// A Redis server as a command-line argument.
enum RedisArgument {
    /// Parses `redis://HOST:PORT`; answers `HOST:PORT`, of which the host has an address at this moment.
    ///
    /// - Throws: `ValidationError`, in one line; for a user, a password and a database, too, which are not supported.
    static func parse(_ text: String) throws -> String {
        let scheme = "redis://"
        guard text.hasPrefix(scheme) else { throw ValidationError("write redis://HOST:PORT") }
        var rest = text.dropFirst(scheme.count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        if rest.contains("@") || rest.contains("/") {
            throw ValidationError("a user, a password and a database are not supported; write redis://HOST:PORT")
        }
        _ = try AddressArgument.parse(String(rest))
        return String(rest)
    }
}
