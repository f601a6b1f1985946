// An upstream as the command line names it: `HOST:PORT`, `HOST:PORT=WEIGHT`, `unix:PATH` or `unix:PATH=WEIGHT`.

package import Reactor

/// The destination of an upstream and its weight.
package struct UpstreamAddress: Sendable, Hashable {
    /// `HOST:PORT` or `unix:PATH`. A host name is resolved for every connection.
    package let destination: String
    /// The upstream's share of the connections, relative to the other weights. Default: 1.
    package let weight: Int

    private static let mostWeight = 1000

    package init(_ destination: String, weight: Int = 1) {
        self.destination = destination
        self.weight = weight
    }

    /// Parses one upstream.
    ///
    /// - Throws: ``SocketError`` that describes what is wrong with the text.
    package static func parse(_ text: String) throws(SocketError) -> UpstreamAddress {
        var (destination, weight) = (text[...], 1)
        if let equals = text.lastIndex(of: "="), !text[equals...].contains("/") {
            destination = text[..<equals]
            let digits = text[text.index(after: equals)...]
            guard digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), let number = Int(digits),
                1...mostWeight ~= number
            else {
                throw SocketError(.parse, subject: text, reason: "the weight must be 1 to \(mostWeight)")
            }
            weight = number
        }
        if !destination.hasPrefix("unix:") {
            if try SocketAddress.split(String(destination)).port == 0 {
                throw SocketError(.parse, subject: text, reason: "use a port from 1 to 65535")
            }
        } else if destination == "unix:" {
            throw SocketError(.parse, subject: text, reason: "a path is missing after unix:")
        }
        return UpstreamAddress(String(destination), weight: weight)
    }

    /// Returns whether a server that listens on this address would connect to itself.
    package func isServed(by listener: SocketAddress) -> Bool {
        let host = destination.hasPrefix("localhost:") ? "127.0.0.1:" + destination.dropFirst(10) : destination
        guard let address = try? SocketAddress(host) else { return false }
        if address == listener { return true }
        return listener.isWildcard && !address.isUnix && address.port == listener.port
            && (address.isLoopback || address.isWildcard)
    }
}
