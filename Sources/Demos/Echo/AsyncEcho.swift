// The echo once more, as a task that waits for bytes: straight-line code, one task a connection.

public import Reactor

/// The echo as a closure for ``Reactor/EventLoop/serve(on:limits:drainTime:listening:_:)``.
public enum AsyncEcho {
    /// Sends the bytes back, until the peer has no more.
    public nonisolated(nonsending) static func serve(_ connection: AsyncConnection) async throws {
        while try await connection.read({ connection.base.write($0) }) { try await connection.waitForRoom() }
    }

    /// Sends the bytes back with the ASCII letters a to z as A to Z.
    public nonisolated(nonsending) static func serveInUpperCase(_ connection: AsyncConnection) async throws {
        var buffer = [UInt8](repeating: 0, count: 1024)
        while let count = try await connection.read(into: &buffer) {
            for index in 0..<count where (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(buffer[index]) {
                buffer[index] -= 32
            }
            try await connection.write(buffer.span.extracting(first: count))
        }
    }

    /// Sends each line back.
    public nonisolated(nonsending) static func serveLines(_ connection: AsyncConnection) async throws {
        for try await line in connection.lines() { try await connection.write(line + "\n") }
    }

    /// Makes what sends each line back behind the time that a clock says it is.
    public static func serveLinesWithTime(
        clock: @escaping @Sendable () -> WallTime
    ) -> nonisolated(nonsending) @Sendable (AsyncConnection) async throws -> Void {
        { connection in
            for try await line in connection.lines() { try await connection.write("\(clock().text) \(line)\n") }
        }
    }
}
