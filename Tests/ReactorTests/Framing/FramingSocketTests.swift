// Messages over real sockets, and the one thing that framing asks of a connection: to hold its input.

import Reactor
import ReactorTesting
import SystemPackage
import Testing

/// Answers each message with itself.
private final class MessageEcho: MessageHandler {
    let framing = LengthPrefixFraming()
    var sizes: [Int] = []

    func received(message: RawSpan, on connection: Connection) throws {
        sizes.append(message.byteCount)
        try framing.write(message, to: connection)
    }
}

private func prefixed(_ message: [UInt8]) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (24 - 8 * $0)) } + message
}

@Suite(.timeLimit(.minutes(20))) struct FramingSocketTests {
    @Test(arguments: Backend.all) func messagesOfAllSizesComeBack(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let echo = MessageEcho()
            let address = try loop.listen(on: .loopback(port: 0), framing: echo.framing) { _ in echo }.address
            let client = try TestClient(address)
            let sizes = [0, 1, 65_531, 65_532, 65_533, 100_000, 3, 1 << 20, 0, 16_383, 16_384, 200_000]
            let stream = sizes.flatMap { prefixed(pattern($0)) }
            var sent = 0
            try loop.run {
                if sent < stream.count { sent += max(0, client.send(stream[sent..<min(sent + 50_000, stream.count)])) }
                client.drain()
                return client.received.count == stream.count
            }
            let isSame = client.received == stream
            #expect(isSame && echo.sizes == sizes)
        }
    }

    @Test(arguments: Backend.all) func aSendOfManyMessagesIsAnsweredByOneSend(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let echo = MessageEcho()
            let address = try loop.listen(on: .loopback(port: 0), framing: echo.framing) { _ in echo }.address
            let client = try TestClient(address)
            try loop.run { loop.connectionCount == 1 }
            let stream = (0..<200).flatMap { prefixed(pattern($0)) }
            client.send(stream)
            try loop.run { client.drain() || client.received.count == stream.count }
            #expect(echo.sizes.count == 200)
            #expect(kernel.calls[.send] == 1)
        }
    }

    @Test(arguments: Backend.all) func nothingIsReceivedWhileInputIsHeld(_ backend: Backend) throws {
        final class Holder: ConnectionHandler {
            var received = 0
            var resumed = 0
            var ended = 0
            func received(_ bytes: RawSpan, on connection: Connection) {
                received += 1
                connection.holdInput()
            }
            func resumed(_ connection: Connection) {
                resumed += 1
                if resumed % 3 != 0 { connection.holdInput() }
            }
            func ended(_ connection: Connection) {
                ended += 1
                connection.holdInput()  // has no meaning any more
                connection.close()
            }
        }
        try withLoop(backend) { loop in
            let holder = Holder()
            let address = try loop.listen(on: .loopback(port: 0)) { _ in holder }.address
            let client = try TestClient(address)
            client.send("1")
            // Asked again each turn, and reading goes on when it holds no more.
            try loop.run { holder.received == 1 }
            client.send("2")
            try loop.run { holder.received == 2 }
            #expect(holder.resumed == 3)
            client.finish()
            try loop.run { client.drain() }
            #expect(holder.received == 2 && holder.resumed == 6 && holder.ended == 1)
        }
    }

    @Test(arguments: Backend.all) func aPausedConnectionThatHoldsInputCostsNoTurns(_ backend: Backend) throws {
        final class Pauser: MessageHandler {
            var connection: Connection?
            var count = 0
            func received(message: RawSpan, on connection: Connection) {
                self.connection = connection
                count += 1
                connection.pauseReading()
            }
            func closed(_ connection: Connection, reason: CloseReason) { self.connection = nil }
        }
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let pauser = Pauser()
            let address = try loop.listen(on: .loopback(port: 0), framing: .lines()) { _ in pauser }.address
            let client = try TestClient(address)
            client.send("one\ntwo\nthree\n")
            try loop.run { pauser.count == 1 }
            client.send("four\n")
            let before = kernel.waits
            try loop.run(for: .milliseconds(100))
            #expect(kernel.waits - before < 10)
            for count in 2...4 {
                pauser.connection?.resumeReading()
                try loop.run { pauser.count == count }
            }
        }
    }
}
