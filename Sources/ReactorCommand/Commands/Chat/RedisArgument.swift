// The address of a Redis server on the command line: `redis://HOST:PORT`.

import ArgumentParser
import Reactor

/// A Redis server as a command-line argument.
///
/// Such URLs often hold a password, which is not supported and must not be printed. The parser would repeat a value that it
/// could not parse, so this takes any text, and the command refuses it without showing it.
struct RedisArgument: Sendable {
    private let result: Result<String, ValidationError>

    /// `HOST:PORT`, of which the host has an address at this moment.
    ///
    /// - Throws: `ValidationError`, in one line, also for a user, a password and a database, which are not supported.
    var address: String { get throws(ValidationError) { try result.get() } }

    init(_ text: String) { result = Result { () throws(ValidationError) in try Self.parse(text) } }

    private static func parse(_ text: String) throws(ValidationError) -> String {
        let scheme = "redis://"
        guard text.hasPrefix(scheme) else {
            throw ValidationError("--backplane: invalid URL; write redis://HOST:PORT")
        }
        var rest = text.dropFirst(scheme.count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        if rest.contains("@") || rest.contains("/") {
            throw ValidationError(
                "--backplane: a user, a password and a database are not supported; write redis://HOST:PORT")
        }
        guard rest.contains(":") else {
            throw ValidationError("--backplane: the port is missing; write redis://HOST:PORT")
        }
        do throws(SocketError) {
            if try !SocketAddress.resolve(String(rest)).isEmpty { return String(rest) }
        } catch {
            if error.operation != .resolve {
                throw ValidationError("--backplane: invalid address; write redis://HOST:PORT")
            }
        }
        throw ValidationError("--backplane: the host has no address; check the name, or write the address in numbers")
    }
}
