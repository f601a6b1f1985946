// The address of a Redis server on the command line: `redis://HOST:PORT`.

import ArgumentParser
import Reactor

/// A Redis server as a command-line argument.
///
/// Such URLs often contain a password, which is not supported and must not be printed. ArgumentParser would repeat a
/// value that fails to parse, so this type accepts any text, and the command rejects it later without showing it.
struct RedisArgument: Sendable {
    private let result: Result<String, ValidationError>

    /// The server as `HOST:PORT`, whose host resolved to an address when the argument was parsed.
    ///
    /// - Throws: `ValidationError` with a one-line message for a malformed URL, an unknown host, or a URL with a user,
    ///   a password or a database, which are not supported.
    var address: String { get throws(ValidationError) { try result.get() } }

    init(_ text: String) { result = Result { () throws(ValidationError) in try Self.parse(text) } }

    private static func parse(_ text: String) throws(ValidationError) -> String {
        let scheme = "redis://"
        guard text.hasPrefix(scheme) else {
            throw ValidationError("--backplane: invalid URL; use redis://HOST:PORT")
        }
        var rest = text.dropFirst(scheme.count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        if rest.contains("@") || rest.contains("/") {
            throw ValidationError(
                "--backplane: a user, a password and a database are not supported; use redis://HOST:PORT")
        }
        guard rest.contains(":") else {
            throw ValidationError("--backplane: the port is missing; use redis://HOST:PORT")
        }
        do throws(SocketError) {
            if try !SocketAddress.resolve(String(rest)).isEmpty { return String(rest) }
        } catch {
            if error.operation != .resolve {
                throw ValidationError("--backplane: invalid address; use redis://HOST:PORT")
            }
        }
        throw ValidationError("--backplane: the host has no address; check the name, or use a numeric address")
    }
}
