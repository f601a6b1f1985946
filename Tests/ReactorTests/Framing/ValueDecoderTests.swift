// Decoders that yield values: the same values however the stream is cut, on handlers and in tasks, with budgets, held
// input and backpressure; malformed and truncated streams.

import Reactor
import ReactorTesting
import Testing

/// A record: a length byte, at least 1, and bytes, of which the first is a kind; kinds above 9 are malformed. The value
/// owns no bytes: it holds the range of its payload.
private struct Record: Hashable {
    let kind: UInt8
    let payload: Range<Int>
}

private struct Records: ValueDecoder {
    /// The kind of the record that is incomplete, once it has been checked.
    private var kind: UInt8?

    mutating func decode(_ bytes: RawSpan) throws(FramingError) -> DecodedValue<Record> {
        guard let length = bytes.bigEndian(UInt8.self, at: 0).map(Int.init) else { return .incomplete(needed: 1) }
        if length == 0 { throw FramingError(.invalidLength, "a record of 0 bytes") }
        if kind == nil {
            guard let kind = bytes.bigEndian(UInt8.self, at: 1) else { return .incomplete(needed: 2) }
            if kind > 9 { throw FramingError(.malformed, "a record of the kind \(kind)") }
            self.kind = kind
        }
        guard let kind, bytes.byteCount > length else { return .incomplete(needed: length + 1) }
        self.kind = nil
        return .value(Record(kind: kind, payload: 2..<length + 1), used: length + 1)
    }
}

/// Records the values of one connection, as text: the kind, and the bytes of the payload.
private final class RecordHandler: ValueHandler {
    var texts: [String] = []
    var calls: [String] = []
    var reason: CloseReason?
    var connection: Connection?
    var onValue: (Connection) throws -> Void = { _ in }

    func connected(_ connection: Connection) { self.connection = connection }

    func received(_ record: Record, from bytes: RawSpan, on connection: Connection) throws {
        #expect(!connection.isReadingPaused && !connection.isClosed && !calls.contains("ended"))
        #expect(bytes.byteCount == record.payload.upperBound)
        texts.append("\(record.kind)" + (String(validating: bytes.extracting(record.payload)) ?? "?"))
        try onValue(connection)
    }
    func refused(_ connection: Connection, error: FramingError) { calls.append("refused \(error)") }
    func ended(_ connection: Connection) {
        calls.append("ended")
        connection.close()
    }
    func drained(_ connection: Connection) { calls.append("drained") }
    func closed(_ connection: Connection, reason: CloseReason) {
        calls.append("closed")
        (self.reason, self.connection) = (reason, nil)
    }
}

private func encode(_ texts: [String]) -> [UInt8] {
    texts.flatMap { [UInt8($0.utf8.count), $0.utf8.first! - 48] + $0.utf8.dropFirst() }
}

private let texts = ["1", "2a", "3bcdefgh", "0", "9" + String(repeating: "x", count: 200), "4end"]

extension Simulation {
    fileprivate func records(limits: Limits = Limits()) throws -> (SimulatedClient, RecordHandler) {
        let handler = RecordHandler()
        try listen(limits: limits) { _ in handler.framed(by: Records()) }
        return (connect(), handler)
    }
}

@Suite(.timeLimit(.minutes(20))) struct ValueDecoderTests {
    @Test(arguments: Backend.all) func valuesOfOneReadAreAnsweredInOneSend(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let (client, handler) = try world.records()
        handler.onValue = { $0.write("ok\n") }
        client.write(encode(texts))
        client.closeWrite()
        try world.run { handler.reason != nil }
        #expect(handler.texts == texts && handler.calls == ["ended", "closed"])
        #expect(world.loop.statistics.sends == 1)
        try world.check()
    }

    /// Cut at every place, with a pause between the parts.
    @Test func theSameHoweverTheStreamIsCut() throws {
        let bytes = encode(texts)
        for cut in 1..<bytes.count {
            let world = try Simulation(seed: 1)
            let (client, handler) = try world.records()
            client.write(Array(bytes[..<cut]))
            try world.run(for: .seconds(1))
            client.write(Array(bytes[cut...]))
            client.closeWrite()
            try world.run { handler.reason != nil }
            #expect(handler.texts == texts && handler.calls == ["ended", "closed"], "cut at \(cut)")
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func theSameByteByByteAndUnderFaults(_ backend: Backend) throws {
        for seed in 1...10 as ClosedRange<UInt64> {
            let world = try Simulation(seed: seed, faults: seed == 1 ? byteByByte : harshButAlive, backend: backend)
            let (client, handler) = try world.records()
            client.write(encode(texts))
            client.closeWrite()
            try world.run { handler.reason != nil }
            #expect(handler.texts == texts && handler.calls == ["ended", "closed"])
            try world.check()
        }
    }

    @Test(arguments: [
        (encode(["1a"]) + [0], FramingError.Kind.invalidLength), (encode(["1a"]) + [3, 10], .malformed),
        (encode(["1a"]) + [3, 1, 0x62], .truncated), (encode(["1a"]) + [200], .truncated),
    ]) func malformedAndTruncatedStreams(_ bytes: [UInt8], _ kind: FramingError.Kind) throws {
        for faults in [Faults.none, byteByByte] {
            let world = try Simulation(seed: 1, faults: faults)
            let (client, handler) = try world.records()
            client.write(bytes)
            client.closeWrite()
            try world.run { handler.reason != nil }
            #expect(handler.texts == ["1a"] && handler.calls.count == 2 && handler.calls[0].hasPrefix("refused"))
            #expect(handler.reason?.kind == .framing && (handler.reason?.error as? FramingError)?.kind == kind)
            #expect(world.loop.statistics.framingErrors == 1)
            try world.check()
        }
    }

    /// A pause, the watermark and the turn's budget hold values that have arrived.
    @Test(arguments: Backend.all) func valuesAreHeld(_ backend: Backend) throws {
        for holds in ["pause", "pressure", "budget"] {
            let world = try Simulation(seed: 1, backend: backend)
            var limits = Limits()
            if holds == "budget" { limits.messagesPerTurn = 1 }
            if holds == "pressure" { (limits.outputHighWatermark, limits.outputLowWatermark) = (1_000, 100) }
            let (client, handler) = try world.records(limits: limits)
            let reply = [UInt8](repeating: 0x2e, count: holds == "pressure" ? 300_000 : 1)
            handler.onValue = { connection in
                connection.write(reply)
                guard holds == "pause" else { return }
                connection.pauseReading()
                world.loop.schedule(after: .milliseconds(5)) { connection.resumeReading() }
            }
            if holds == "pressure" { client.stall() }
            client.write(encode(texts))
            try world.run { handler.texts.count == 1 }
            if holds == "pressure" {
                try world.run(for: .seconds(1))
                #expect(handler.texts.count == 1)
                client.resume()
            }
            try world.run { handler.texts.count == texts.count }
            client.closeWrite()
            try world.run { handler.reason != nil && client.isOver }
            #expect(handler.texts == texts && client.received.count == texts.count * reply.count, "\(holds)")
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func afterClosingThereIsNoOtherValue(_ backend: Backend) throws {
        for last in texts.indices {
            let world = try Simulation(seed: 1, backend: backend)
            let (client, handler) = try world.records()
            handler.onValue = { [unowned handler] in if handler.texts.count == last + 1 { $0.close() } }
            client.write(encode(texts) + [9])
            try world.run { handler.reason != nil }
            #expect(handler.texts == Array(texts[...last]) && handler.calls == ["closed"])
            client.close()
            try world.run(for: .seconds(10))
            try world.check()
        }
    }

    // MARK: Tasks

    @Test(arguments: AsyncWorld.all) func aTaskReadsTheSameValues(_ world: AsyncWorld) throws {
        for pieces in [1, 2, 7, 1_000] {
            try world.run { loop in
                let address = try loop.served { connection in
                    var values = connection.values(Records()).makeAsyncIterator()
                    var kinds: [UInt8] = []
                    do throws(WaitError) {
                        while let record = try await values.next() {
                            kinds.append(record.kind)
                            try await connection.write("ok\n")
                        }
                        Issue.record("the stream ended in the middle of a record")
                    } catch {
                        #expect(error.kind == .truncated && error.framingError?.kind == .truncated)
                    }
                    #expect(kinds == [1, 2, 3, 0, 9, 4])
                }
                let client = try await loop.connect(to: address)
                let bytes = encode(texts) + [5, 1]
                for start in stride(from: 0, to: bytes.count, by: pieces) {
                    try await client.write(Array(bytes[start..<min(bytes.count, start + pieces)]))
                    if pieces < 7 { await Task.yield() }
                }
                client.closeWrite()
                #expect(try await client.readAll().count == 3 * texts.count)
            }
        }
    }
}
