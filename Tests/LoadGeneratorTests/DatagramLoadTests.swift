// The mode datagrams: every datagram back, some lost, wrong ones, and nobody there.

import Demos
import LoadGenerator
import Reactor
import Testing

@Suite(.timeLimit(.minutes(20))) struct DatagramLoadTests {
    /// Answers all datagrams but every so many.
    private final class Losing: DatagramHandler {
        private let each: Int
        private var count = 0

        init(each: Int) { self.each = each }

        func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
            count += 1
            if !count.isMultiple(of: each) { socket.send(bytes, to: peer) }
        }
    }

    /// Answers with another byte.
    private final class Wrong: DatagramHandler {
        func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
            socket.send([UInt8](repeating: 1, count: bytes.byteCount), to: peer)
        }
    }

    private func run(
        against handler: any DatagramHandler, _ configure: (inout LoadConfiguration) -> Void
    ) throws -> LoadResult {
        let loop = try EventLoop()
        defer { loop.shutdown() }
        let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: handler)
        var configuration = LoadConfiguration(address: socket.address)
        configuration.mode = .datagrams
        configuration.connections = 4
        configuration.connectTimeout = .milliseconds(600)
        configure(&configuration)
        let generator = try LoadGenerator(configuration, on: loop)
        var found: LoadResult?
        generator.start { result in
            found = result
            loop.stop()
        }
        loop.schedule(after: .seconds(8)) { loop.stop() }
        try loop.run()
        return try #require(found)
    }

    @Test(arguments: [1, 64, 2_048]) func countsExactly(_ size: Int) throws {
        let result = try run(against: DatagramEcho()) {
            $0.messages = 501
            $0.size = size
        }
        #expect(result.messages == 501)
        #expect(result.latency?.count == 501)
        #expect(result.connectionsMade == 4)
        #expect(result.connectionsLeft == 4)
        #expect(result.unanswered == 0)
        #expect(result.errors.total == 0)
    }

    @Test func whatIsLostIsCounted() throws {
        let result = try run(against: Losing(each: 10)) { $0.messages = 20 }
        #expect(result.unanswered > 0)
        #expect(result.messages + result.unanswered == 20)
        #expect(result.errors.total == 0)
    }

    @Test func aWrongByteIsFound() throws {
        let result = try run(against: Wrong()) { $0.messages = 20 }
        #expect(result.errors[.mismatch] == 4)
        #expect(result.messages == 0)
    }

    @Test func noServer() throws {
        let result = try run(against: Wrong()) {
            $0.address = nobody
            $0.messages = 20
        }
        #expect(result.connectionsMade == 0)
        #expect(result.errors[.connectRefused] == 4)
    }

    @Test func whatMakesNoSenseIsRefused() {
        var configuration = LoadConfiguration(address: .loopback(port: 9))
        configuration.mode = .datagrams
        configuration.size = 65_508
        #expect(throws: LoadConfigurationError.self) { try configuration.validate() }
        configuration.size = 64
        configuration.depth = 2
        #expect(throws: LoadConfigurationError.self) { try configuration.validate() }
    }
}
