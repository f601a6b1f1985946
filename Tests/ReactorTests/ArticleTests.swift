// The code of the articles in Reactor.docc, so that it goes on to be true: what is shown there compiles and does that.

import Reactor
import Testing

@Suite(.timeLimit(.minutes(20))) struct ArticleTests {
    private final class Counter: ConnectionHandler {
        private var count = 0

        func received(_ bytes: RawSpan, on connection: Connection) {
            count += bytes.byteCount
        }

        func ended(_ connection: Connection) {
            connection.write("\(count) bytes\n")
            connection.close()
        }
    }

    private final class LineEcho: MessageHandler {
        let lines = LineFraming()

        func received(message: RawSpan, on connection: Connection) throws {
            try lines.write(message, to: connection)
        }
    }

    struct Reading {
        let sensor: UInt16
        let value: Int32
    }

    private struct Readings: ValueDecoder {
        mutating func decode(_ bytes: RawSpan) throws(FramingError) -> DecodedValue<Reading> {
            guard let sensor = bytes.bigEndian(UInt16.self, at: 0), let value = bytes.bigEndian(Int32.self, at: 2)
            else { return .incomplete(needed: 6) }
            if sensor == 0 { throw FramingError(.malformed, "a reading of sensor 0") }
            return .value(Reading(sensor: sensor, value: value), used: 6)
        }
    }

    private final class Recorder: ValueHandler {
        func received(_ reading: Reading, from bytes: RawSpan, on connection: Connection) {
            connection.write("\(reading.sensor): \(reading.value)\n")
        }
    }

    /// What a client gets that sends a text and half-closes.
    private final class Client: ConnectionHandler {
        private let text: String
        private let ended: ([UInt8]) -> Void
        private var answer: [UInt8] = []

        init(_ text: String, _ ended: @escaping ([UInt8]) -> Void) {
            self.text = text
            self.ended = ended
        }

        func connected(_ connection: Connection) {
            connection.write(text)
            connection.closeWrite()
        }

        func received(_ bytes: RawSpan, on connection: Connection) {
            for offset in 0..<bytes.byteCount { answer.append(bytes.byte(at: offset)) }
        }

        func closed(_ connection: Connection, reason: CloseReason) { ended(answer) }
    }

    private static func ask(_ loop: EventLoop, at address: SocketAddress, _ text: String) throws -> String {
        var answer: [UInt8] = []
        try loop.connect(
            to: address,
            handler: { _ in
                Client(text) {
                    answer = $0
                    loop.stop()
                }
            }, failed: { _ in loop.stop() })
        try loop.run()
        return String(decoding: answer, as: UTF8.self)
    }

    @Test(arguments: Backend.all) func gettingStarted(_ backend: Backend) throws {
        let loop = try EventLoop(backend: backend)
        let listener = try loop.listen(on: "127.0.0.1:0") { _ in Counter() }
        #expect(try Self.ask(loop, at: listener.address, "hello") == "5 bytes\n")
    }

    @Test func messagesFromAStream() throws {
        let loop = try EventLoop()
        let listener = try loop.listen(on: "127.0.0.1:0", framing: .lines()) { _ in LineEcho() }
        #expect(try Self.ask(loop, at: listener.address, "one\r\ntwo\n") == "one\ntwo\n")
    }

    @Test func messagesThatAreParsedOnce() throws {
        let loop = try EventLoop()
        let listener = try loop.listen(on: "127.0.0.1:0") { _ in Recorder().framed(by: Readings()) }
        let sent = "\u{0}\u{7}\u{0}\u{0}\u{0}\u{2a}\u{0}\u{8}\u{0}\u{0}\u{1}\u{0}"
        #expect(try Self.ask(loop, at: listener.address, sent) == "7: 42\n8: 256\n")
    }

    private static let sent = "short\n" + String(repeating: "x", count: 81) + "\n"
    private static let replies = "short\na line has at most 80 bytes\n"

    @Test func errorsOfTasks() throws {
        let loop = try EventLoop()
        let listener = try loop.startServing(
            on: .loopback(port: 0)
        ) { connection in
            do {
                for try await line in connection.lines(limit: 80) { try await connection.write(line + "\n") }
            } catch {
                guard (error as? WaitError)?.kind == .malformed else { throw error }
                try await connection.write("a line has at most 80 bytes\n")
            }
        }
        #expect(try Self.ask(loop, at: listener.address, Self.sent) == Self.replies)
    }

    @Test func typedErrorsOfTasks() throws {
        let loop = try EventLoop()
        let listener = try loop.startServing(
            on: .loopback(port: 0)
        ) { connection in
            var lines = connection.lines(limit: 80).makeAsyncIterator()
            do throws(WaitError) {
                while let line = try await lines.next() { try await connection.write(line + "\n") }
            } catch {
                guard error.kind == .malformed else { throw error }
                try await connection.write("a line has at most 80 bytes\n")
            }
        }
        #expect(try Self.ask(loop, at: listener.address, Self.sent) == Self.replies)
    }

    @Test func backpressureAndLimits() throws {
        let loop = try EventLoop()
        var limits = Limits()
        limits.connections = 5_000
        limits.connectionsPerAddress = 50
        limits.idleTime = .seconds(300)
        let listener = try loop.listen(on: "127.0.0.1:0", limits: limits) { _ in Counter() }
        #expect(try Self.ask(loop, at: listener.address, "hello") == "5 bytes\n")
    }

    @Test func theAsyncStyle() throws {
        let loop = try EventLoop()
        let listener = try loop.startServing(
            on: .loopback(port: 0),
            { connection in
                var buffer = [UInt8](repeating: 0, count: 1024)
                while let count = try await connection.read(into: &buffer) {
                    try await connection.write(buffer.span.extracting(first: count))
                }
            })
        #expect(try Self.ask(loop, at: listener.address, "hello") == "hello")
    }

    @Test func offloadedWork() throws {
        let loop = try EventLoop()
        let listener = try loop.startServing(
            on: .loopback(port: 0),
            { connection in
                let sum = try await connection.loop.offload { (1...1_000).reduce(0, +) }
                try await connection.write("\(sum)")
            })
        #expect(try Self.ask(loop, at: listener.address, "") == "500500")
    }
}
