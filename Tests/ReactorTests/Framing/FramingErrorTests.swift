// Streams that are no messages, messages that no stream can carry, and messages that take too long.

import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct FramingErrorTests {
    @Test(arguments: Backend.all) func aLyingLengthClosesWithItsReasonAfterTheAnswersBefore(_ backend: Backend) throws {
        for faults in [Faults.none, byteByByte] {
            let world = try Simulation(seed: 1, faults: faults, backend: backend)
            let (client, recorder) = try world.framed(by: .lengthPrefixed()) { recorder in
                recorder.onMessage = { _, connection in connection.write("answer") }
                recorder.onRefused = { $0.write(", and then a lie") }
            }
            client.write([0, 0, 0, 1, 65, 255, 255, 255, 255, 66])
            try world.run { client.isOver }
            #expect(client.text == "answer, and then a lie" && client.ended)
            client.close()
            try world.run { recorder.reason != nil }
            #expect(recorder.calls == ["refused", "closed"])
            #expect(recorder.reason?.kind == .framing)
            #expect((recorder.reason?.error as? FramingError)?.kind == .tooLong)
            #expect(
                "\(recorder.reason!)"
                    == "malformed message: a message of 4294967295 bytes, where 1048576 are allowed")
            #expect(world.loop.statistics.framingErrors == 1 && world.loop.statistics.handlerErrors == 0)
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func aLineWithoutAnEndIsRefusedAtItsMaximum(_ backend: Backend) throws {
        for faults in [Faults.none, harshButAlive] {
            let world = try Simulation(seed: 3, faults: faults, backend: backend)
            let (client, recorder) = try world.framed(by: .lines())
            client.write("short\n" + String(repeating: "x", count: 200_000))
            try world.run { recorder.reason != nil }
            #expect(recorder.texts == ["short"] && recorder.refusal?.kind == .tooLong)
            #expect(recorder.connection.map { $0.bytesReceived <= 3 * 64 * 1024 } ?? true)
            #expect(recorder.reason?.kind == .framing)
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func aStreamThatEndsInAMessageIsTruncated(_ backend: Backend) throws {
        for faults in [Faults.none, harshButAlive, byteByByte] {
            let world = try Simulation(seed: 1, faults: faults, backend: backend)
            let (client, recorder) = try world.framed(by: .lines())
            client.write("whole\nhal")
            client.closeWrite()
            try world.run { recorder.reason != nil }
            #expect(recorder.texts == ["whole"] && recorder.calls == ["refused", "closed"])
            #expect((recorder.reason?.error as? FramingError)?.kind == .truncated)
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func aTextsLastLineCountsIfAskedFor(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let (client, recorder) = try world.framed(by: LineFraming(endOfStreamEndsLine: true))
        client.write("one\ntwo")
        client.closeWrite()
        try world.run { recorder.reason != nil }
        #expect(recorder.texts == ["one", "two"] && recorder.calls == ["ended", "closed"])
        #expect(recorder.reason?.kind == .ended)
        try world.check()
    }

    @Test(arguments: Backend.all) func theFirstMessageHasToBeCompleteInTime(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var limits = Limits()
        limits.firstMessageTime = .seconds(2)
        let (client, recorder) = try world.framed(by: .lines(), limits: limits)
        let drip = world.loop.schedule(after: .zero, repeating: .milliseconds(100)) { client.write("x") }
        let start = world.now
        try world.run { recorder.reason != nil }
        world.loop.cancel(drip)
        #expect(recorder.reason?.kind == .messageTimeout)
        #expect(start.duration(to: world.now) < .seconds(3))
        // Once it has come, the next may take its time.
        let patient = MessageRecorder()
        try world.listen(on: .loopback(port: 7789), limits: limits) { _ in patient.framed(by: .lines()) }
        let other = world.connect(to: .loopback(port: 7789))
        other.write("one\nha")
        try world.run(for: .seconds(20))
        other.write("lf\n")
        try world.run { patient.texts == ["one", "half"] }
        #expect(patient.reason == nil)
        try world.check()
    }

    @Test(arguments: Backend.all) func whatCannotBeCarriedIsRefusedBeforeAnythingIsWritten(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var results: [(Bool, String)] = []
        let (client, _) = try world.framed(by: .lines()) { recorder in
            recorder.onConnected = { connection in
                func refuses(_ name: String, _ framing: some MessageEncoder, _ message: [UInt8]) {
                    do {
                        try framing.write(message, to: connection)
                        results.append((false, name))
                    } catch {
                        results.append((error.kind == .unsendable, name))
                    }
                }
                refuses("a newline", LineFraming(), [65, 10, 66])
                refuses("a newline at the end", LineFraming(terminator: .carriageReturnNewline), [65, 10])
                refuses("a carriage return at the end", LineFraming(), [65, 13])
                refuses("a delimiter", DelimiterFraming([1, 2]), [0, 1, 2])
                refuses("a delimiter across the seam", DelimiterFraming([1, 1]), [0, 1])
                refuses("one over a longer seam", DelimiterFraming([1, 2, 1, 2, 1]), [1, 2])
                refuses("256 bytes", LengthPrefixFraming(.uint8), [UInt8](repeating: 0, count: 256))
                refuses("255 bytes", LengthPrefixFraming(.uint8, counting: .whole), [UInt8](repeating: 0, count: 255))
                refuses("64 KiB", LengthPrefixFraming(.uint16), [UInt8](repeating: 0, count: 65536))
                refuses("another size", FixedSizeFraming(4), [1, 2, 3])
                connection.write("that was all")
            }
        }
        try world.run { client.text == "that was all" }
        #expect(results.count == 10)
        for (isRefused, name) in results { #expect(isRefused, "\(name)") }
        try world.check()
    }

    @Test(arguments: Backend.all) func whatJustFitsIsCarried(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let (client, _) = try world.framed(by: .lines()) { recorder in
            recorder.onConnected = { connection in
                try LineFraming(terminator: .carriageReturnNewline).write([13], to: connection)
                try DelimiterFraming([1, 2]).write([1], to: connection)
                try LengthPrefixFraming(.uint8, counting: .whole).write(
                    [UInt8](repeating: 7, count: 254), to: connection)
                try LengthPrefixFraming(.uint16, .littleEndian).write([8], to: connection)
                try LengthPrefixFraming(.uint64).write([], to: connection)
            }
        }
        let expected: [UInt8] =
            [13, 13, 10, 1, 1, 2, 255] + [UInt8](repeating: 7, count: 254) + [1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]
        try world.run { client.received.count == expected.count }
        #expect(client.received == expected)
        try world.check()
    }

    @Test func reportsNameTheUsersHandler() throws {
        let world = try Simulation(seed: 1)
        var reports: [String] = []
        world.loop.onReport = { reports.append($0.description) }
        try world.loop.listen(on: .loopback(port: 7788), framing: .lines()) { _ in
            MessageRecorder { $0.onMessage = { _, _ in throw FramingError(.malformed, "on purpose") } }
        }
        let client = world.connect(to: .loopback(port: 7788))
        client.write("x\n")
        try world.run { !reports.isEmpty }
        #expect(reports[0].contains("MessageRecorder of") && reports[0].contains("on purpose"))
        try world.check()
    }
}
