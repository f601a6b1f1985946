// The echo server in the async style: straight-line code, one task per connection.

package import Reactor

/// Echo servers as closures for ``Reactor/EventLoop/serve(on:limits:drainTime:listening:_:)-(SocketAddress,_,_,_,_)``.
package enum AsyncEcho {
    /// Echoes bytes until the end of the stream.
    package nonisolated(nonsending) static func serve(_ connection: AsyncConnection) async throws {
        while try await connection.read({ connection.base.write($0) }) { try await connection.waitForRoom() }
    }

    /// Echoes bytes, with the ASCII letters a to z in upper case.
    package nonisolated(nonsending) static func serveInUpperCase(_ connection: AsyncConnection) async throws {
        var buffer = [UInt8](repeating: 0, count: 1024)
        while let count = try await connection.read(into: &buffer) {
            for index in 0..<count where (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(buffer[index]) {
                buffer[index] -= 32
            }
            try await connection.write(buffer.span.extracting(first: count))
        }
    }

    /// Echoes lines.
    package nonisolated(nonsending) static func serveLines(_ connection: AsyncConnection) async throws {
        for try await line in connection.lines() { try await connection.write(line + "\n") }
    }

    /// Returns a closure that echoes each line, preceded by the time of a clock.
    package static func serveLinesWithTime(
        clock: @escaping @Sendable () -> WallTime
    ) -> nonisolated(nonsending) @Sendable (AsyncConnection) async throws -> Void {
        { connection in
            for try await line in connection.lines() { try await connection.write("\(clock().text) \(line)\n") }
        }
    }
}
