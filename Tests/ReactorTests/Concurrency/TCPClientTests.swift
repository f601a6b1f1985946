// A connection for a task that has no loop: what it brings back, what it throws, how it is cancelled.

import Reactor
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct TCPClientTests {
    /// A server on a thread of its own for as long as the test runs.
    private static func withServer<Success>(
        _ handler: @escaping @Sendable (Connection) throws -> any ConnectionHandler,
        _ body: (String) async throws -> Success
    ) async throws -> Success {
        let server = try TCPServer(on: "127.0.0.1:0").start(handler: handler, ended: { _ in })
        defer { server.handle.stop() }
        return try await body("\(server.address)")
    }

    @Test(arguments: Backend.all) func bringsBackWhatTheClosureReturns(_ backend: Backend) async throws {
        let answer = try await Self.withServer({ _ in EchoHandler() }) { address in
            try await TCPClient.withConnection(to: address, backend: backend) { connection in
                try await connection.write("hello")
                return try await connection.readExactly(5)
            }
        }
        #expect(answer == Array("hello".utf8))
    }

    /// What is written last arrives although the closure returns at once.
    @Test func leavingSendsWhatWasWritten() async throws {
        let (bytes, arrival) = AsyncStream.makeStream(of: Int.self)
        try await Self.withServer({ _ in CountingHandler(arrival) }) { address in
            try await TCPClient.withConnection(to: address) {
                try await $0.write([UInt8](repeating: 1, count: 3_000_000))
            }
            #expect(await bytes.first { _ in true } == 3_000_000)
        }
    }

    /// A server that reads slower than the client lingers: what waits in the client's own queue arrives as well.
    @Test func leavingSendsEverythingToASlowReader() async throws {
        let (bytes, arrival) = AsyncStream.makeStream(of: Int.self)
        let (accepts, accepted) = AsyncStream.makeStream(of: Void.self)
        var server = try TCPServer(on: "127.0.0.1:0")
        server.limits.receiveBuffer = 2048
        let running = try server.start(
            handler: { connection in
                // Much later than the client's linger time.
                connection.pauseReading()
                connection.loop.schedule(after: .milliseconds(100)) { connection.resumeReading() }
                accepted.yield()
                return CountingHandler(arrival)
            }, ended: { _ in })
        defer { running.handle.stop() }
        var limits = Limits()
        limits.lingerTime = .milliseconds(1)
        limits.sendBuffer = 4096
        try await TCPClient.withConnection(to: "\(running.address)", limits: limits) { connection in
            _ = await accepts.first { _ in true }
            try await connection.write([UInt8](repeating: 1, count: 60_000))
            #expect(connection.base.queuedBytes > 0, "the kernel has not taken everything")
        }
        #expect(await bytes.first { _ in true } == 60_000)
    }

    @Test func aThrownErrorComesBackAndResets() async throws {
        struct Sorry: Error {}
        let (endings, ending) = AsyncStream.makeStream(of: Int.self)
        try await Self.withServer({ _ in CountingHandler(ending) }) { address in
            await #expect(throws: Sorry.self) {
                try await TCPClient.withConnection(to: address) { connection in
                    try await connection.write("x")
                    throw Sorry()
                }
            }
            #expect(await endings.first { _ in true } == -1)
        }
    }

    @Test func nobodyThere() async throws {
        // The discard port, where no test listens.
        let error = await #expect(throws: SocketError.self) {
            try await TCPClient.withConnection(to: "127.0.0.1:9") { _ in }
        }
        #expect(error?.errno == .connectionRefused)
        await #expect(throws: SocketError.self) { try await TCPClient.withConnection(to: "no port") { _ in } }
    }

    @Test func cancellingCancelsTheClosure() async throws {
        try await Self.withServer({ _ in EchoHandler() }) { address in
            let (beginnings, beginning) = AsyncStream.makeStream(of: Void.self)
            let task = Task {
                try await TCPClient.withConnection(to: address) { connection in
                    beginning.yield()
                    _ = try await connection.readExactly(1)
                }
            }
            _ = await beginnings.first { _ in true }
            task.cancel()
            let error = await #expect(throws: WaitError.self) { try await task.value }
            #expect(error?.kind == .cancelled)
            // Before it began, too.
            let early = Task { try await TCPClient.withConnection(to: address) { _ = try await $0.readExactly(1) } }
            early.cancel()
            await #expect(throws: WaitError.self) { try await early.value }
        }
    }
}

/// Tells how many bytes came before the end; -1 when the connection was lost.
private final class CountingHandler: ConnectionHandler {
    private let ending: AsyncStream<Int>.Continuation
    init(_ ending: AsyncStream<Int>.Continuation) { self.ending = ending }

    func received(_ bytes: RawSpan, on connection: Connection) {}
    func closed(_ connection: Connection, reason: CloseReason) {
        ending.yield(reason.kind == .failed ? -1 : connection.bytesReceived)
    }
}
