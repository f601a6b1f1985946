// Messages over the simulated network: whatever it does to the bytes, the same messages come, and what the encoders
// write is what the decoders read.

import Reactor
import ReactorTesting
import Testing

/// Answers each message with itself.
private final class MessageEcho<Framing: MessageDecoder & MessageEncoder>: MessageHandler {
    let framing: Framing
    var count = 0
    init(_ framing: Framing) { self.framing = framing }

    func received(message: RawSpan, on connection: Connection) throws {
        count += 1
        try framing.write(message, to: connection)
    }
}

@Suite(.timeLimit(.minutes(20))) struct FramingStreamTests {
    /// Random messages, as this framing puts them on the wire.
    private struct Wire {
        var random: SeededGenerator
        var bytes: [UInt8] = []

        init(seed: UInt64, messages: Int, longest: Int, _ write: (inout Wire, [UInt8]) -> Void) {
            random = SeededGenerator(seed: seed)
            for _ in 0..<messages {
                let count = random.chance(0.1) ? random.number(in: 0...longest) : random.number(in: 0...20)
                let message = (0..<count).map { _ in UInt8(random.number(in: 97...122)) }
                write(&self, message)
            }
        }
    }

    private func echoes<Framing: MessageDecoder & MessageEncoder>(
        _ framing: Framing, _ backend: Backend, _ write: @escaping (inout Wire, [UInt8]) -> Void
    ) throws {
        for (faults, messages, longest) in [(harshButAlive, 150, 2000), (byteByByte, 30, 50), (.none, 100, 100_000)] {
            for seed in 0..<2 as Range<UInt64> {
                let wire = Wire(seed: seed, messages: messages, longest: longest, write)
                let world = try Simulation(seed: seed, faults: faults, backend: backend)
                let handler = MessageEcho(framing)
                try world.listen { _ in handler.framed(by: framing) }
                let client = world.connect()
                client.write(wire.bytes)
                client.closeWrite()
                try world.run(within: .seconds(600)) { client.isOver }
                let isSame = client.received == wire.bytes
                #expect(isSame && handler.count == messages && client.ended, "seed \(seed), \(messages) messages")
                try world.check()
            }
        }
    }

    @Test(arguments: Backend.all) func linesComeBack(_ backend: Backend) throws {
        try echoes(LineFraming(maximum: 100_000), backend) { $0.bytes += $1 + [10] }
        try echoes(LineFraming(maximum: 100_000, terminator: .carriageReturnNewline), backend) {
            $0.bytes += $1 + [13, 10]
        }
    }

    @Test(arguments: Backend.all) func delimitedMessagesComeBack(_ backend: Backend) throws {
        try echoes(DelimiterFraming([0], maximum: 100_000), backend) { $0.bytes += $1 + [0] }
        let boundary = Array("\r\n--\r\n--".utf8)
        try echoes(DelimiterFraming(boundary, maximum: 100_000), backend) { $0.bytes += $1 + boundary }
    }

    @Test(arguments: Backend.all) func prefixedMessagesComeBack(_ backend: Backend) throws {
        try echoes(LengthPrefixFraming(), backend) { wire, message in
            wire.bytes += (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (24 - 8 * $0)) } + message
        }
        try echoes(LengthPrefixFraming(.uint64, .littleEndian, counting: .whole), backend) { wire, message in
            wire.bytes += (0..<8).map { UInt8(truncatingIfNeeded: (message.count + 8) >> (8 * $0)) } + message
        }
        try echoes(LengthPrefixFraming(.uint16, counting: .whole), backend) { wire, message in
            let message = message.prefix(65533)
            wire.bytes += [UInt8((message.count + 2) >> 8), UInt8(truncatingIfNeeded: message.count + 2)] + message
        }
        try echoes(LengthPrefixFraming(.uint8), backend) { wire, message in
            let message = message.prefix(255)
            wire.bytes += [UInt8(message.count)] + message
        }
    }

    @Test(arguments: Backend.all) func messagesOfOneSizeComeBack(_ backend: Backend) throws {
        try echoes(FixedSizeFraming(7), backend) { wire, message in
            wire.bytes += (message + [UInt8](repeating: 33, count: 7)).prefix(7)
        }
    }

    @Test(arguments: Backend.all) func aHandlerThatPausesNowAndThenMissesNothing(_ backend: Backend) throws {
        for seed in 0..<3 as Range<UInt64> {
            let world = try Simulation(seed: seed, faults: harshButAlive, backend: backend)
            // What is held costs turns in which the kernel sees nothing done.
            world.kernel.idleWaitsPerSecond = 5000
            var random = SeededGenerator(seed: seed)
            var limits = Limits()
            limits.messagesPerTurn = random.number(in: 1...20)
            limits.outputHighWatermark = 4000
            limits.outputLowWatermark = 1000
            let lines = LineFraming()
            let (client, recorder) = try world.framed(by: .lines(), limits: limits) { recorder in
                recorder.onMessage = { message, connection in
                    try lines.write(message, to: connection)
                    guard random.chance(0.2) else { return }
                    connection.pauseReading()
                    let time = Duration.microseconds(random.below(500))
                    world.loop.schedule(after: time) { connection.resumeReading() }
                }
            }
            let sent = (0..<300).map { "line \($0)" }
            client.write(sent.joined(separator: "\n") + "\n")
            client.closeWrite()
            try world.run(within: .seconds(600)) { client.isOver }
            #expect(recorder.texts == sent)
            #expect(client.text == sent.joined(separator: "\n") + "\n")
            #expect(recorder.calls.filter { $0 != "drained" } == ["ended", "closed"])
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func underAllFaultsTheMessagesAreABeginningOfWhatWasSent(_ backend: Backend) throws {
        for seed in 0..<8 as Range<UInt64> {
            let world = try Simulation(seed: seed, faults: .harsh, backend: backend)
            let lines = LineFraming()
            let (client, recorder) = try world.framed(by: .lines()) { recorder in
                recorder.onMessage = { message, connection in try lines.write(message, to: connection) }
            }
            let sent = (0..<500).map { "line \($0)" }
            client.write(sent.joined(separator: "\n") + "\n")
            client.closeWrite()
            try world.run(for: .seconds(120))
            let isBeginning = sent.starts(with: recorder.texts)
            #expect(isBeginning)
            try world.check()
        }
    }
}
