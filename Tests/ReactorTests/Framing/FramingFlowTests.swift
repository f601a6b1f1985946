// What happens between two messages of one read: closing, pausing, pressure, the budget of a turn, and how many sends
// the answers take.

import Reactor
import ReactorTesting
import Testing

private let ten = (0..<10).map { "message \($0)" }
private let tenLines = ten.joined(separator: "\n") + "\n"

@Suite(.timeLimit(.minutes(20))) struct FramingFlowTests {
    @Test(arguments: Backend.all) func answersToTheMessagesOfOneReadLeaveInOneSend(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let lines = LineFraming()
        let (client, recorder) = try world.framed(by: .lines()) { recorder in
            recorder.onMessage = { message, connection in try lines.write(message, to: connection) }
        }
        client.write(tenLines)
        try world.run { client.text == tenLines }
        #expect(recorder.messages.count == 10)
        #expect(world.loop.statistics.receives == 1 && world.loop.statistics.sends == 1)
        try world.check()
    }

    @Test(arguments: Backend.all) func afterClosingWithAMessageThereIsNoOther(_ backend: Backend) throws {
        for last in 0..<10 {
            for end in ["close", "abort", "throw"] {
                let world = try Simulation(seed: 1, backend: backend)
                let (client, recorder) = try world.framed(by: .lines()) { recorder in
                    recorder.onMessage = { [unowned recorder] _, connection in
                        guard recorder.messages.count == last + 1 else { return }
                        switch end {
                        case "close": connection.close()
                        case "abort": connection.abort()
                        default: throw FramingError(.unsendable, "the handler's own")
                        }
                    }
                }
                client.write(tenLines + "half")
                try world.run { recorder.reason != nil }
                client.close()
                try world.run(for: .seconds(10))
                #expect(recorder.texts == Array(ten[...last]))
                #expect(recorder.calls == ["closed"])
                let kinds: [String: CloseReason.Kind] = ["close": .closed, "abort": .aborted, "throw": .handlerError]
                #expect(recorder.reason?.kind == kinds[end])
                try world.check()
            }
        }
    }

    @Test(arguments: Backend.all) func aPauseHoldsTheRestOfARead(_ backend: Backend) throws {
        for last in 0..<10 {
            let world = try Simulation(seed: 1, backend: backend)
            let (client, recorder) = try world.framed(by: .lines()) { recorder in
                recorder.onMessage = { [unowned recorder] _, connection in
                    if recorder.messages.count == last + 1 { connection.pauseReading() }
                }
            }
            client.write(tenLines)
            try world.run { recorder.messages.count == last + 1 }
            client.write("later\n")
            client.closeWrite()
            try world.run(for: .seconds(1))
            #expect(recorder.texts == Array(ten[...last]) && recorder.calls == [])
            // Not before a turn of the loop, and before what came meanwhile.
            recorder.connection?.resumeReading()
            #expect(recorder.messages.count == last + 1)
            try world.run { recorder.reason != nil }
            #expect(recorder.texts == ten + ["later"])
            #expect(recorder.calls == ["ended", "closed"])
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func pausedAtEachMessageTheyComeOneByOne(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        world.kernel.idleWaitsPerSecond = 1000  // a turn for each message, in which the kernel sees nothing done
        var depth = 0
        let (client, recorder) = try world.framed(by: .lengthPrefixed(.uint8)) { recorder in
            recorder.onMessage = { _, connection in
                depth += 1
                #expect(depth == 1, "no message inside another")
                connection.pauseReading()
                world.loop.execute { connection.resumeReading() }
                depth -= 1
            }
        }
        client.write((1...200).flatMap { [2, UInt8($0), 0] as [UInt8] })
        try world.run { recorder.messages.count == 200 }
        #expect(recorder.messages.map { $0[0] } == Array(1...200))
        try world.check()
    }

    @Test(arguments: Backend.all) func aPauseThatIsTakenBackAtOnceHoldsNothing(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let (client, recorder) = try world.framed(by: .lines()) { recorder in
            recorder.onMessage = { _, connection in
                connection.pauseReading()
                connection.resumeReading()
            }
        }
        client.write(tenLines)
        try world.run { recorder.messages.count == 10 }
        try world.check()
    }

    @Test(arguments: Backend.all) func closingWhileMessagesAreHeldDropsThem(_ backend: Backend) throws {
        for resumes in [false, true] {
            let world = try Simulation(seed: 1, backend: backend)
            let (client, recorder) = try world.framed(by: .lines()) { recorder in
                recorder.onMessage = { _, connection in
                    connection.write("answer")
                    connection.pauseReading()
                }
            }
            client.write(tenLines)
            try world.run { recorder.messages.count == 1 }
            if resumes { recorder.connection?.resumeReading() }
            recorder.connection?.close()
            try world.run { client.ended }
            client.close()
            try world.run { recorder.reason != nil }
            #expect(recorder.messages.count == 1 && recorder.reason?.kind == .closed)
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func aResetWhileMessagesAreHeldIsTold(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let (client, recorder) = try world.framed(by: .lines()) { recorder in
            recorder.onMessage = { _, connection in connection.pauseReading() }
        }
        client.write(tenLines)
        try world.run { recorder.messages.count == 1 }
        client.reset()
        try world.run { recorder.reason != nil }
        #expect(recorder.messages.count == 1 && recorder.reason?.kind == .failed)
        try world.check()
    }

    @Test(arguments: Backend.all) func pressureInsideAReadHoldsTheRestUntilItIsDrained(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let answer = [UInt8](repeating: 1, count: 100_000)
        var most = 0
        let (client, recorder) = try world.framed(by: .lines()) { recorder in
            recorder.onMessage = { _, connection in
                connection.write(answer)
                most = max(most, connection.queuedBytes)
            }
        }
        client.stall()
        client.write(String(repeating: "x\n", count: 100))
        try world.run(for: .seconds(5))
        let before = recorder.messages.count
        #expect(before < 20 && recorder.connection?.isReadingPaused == true)
        client.resume()
        try world.run { client.received.count == 100 * answer.count }
        #expect(recorder.messages.count == 100 && most <= 64 * 1024 + answer.count)
        #expect(recorder.calls.contains("drained"))
        try world.check()
    }

    @Test(arguments: Backend.all) func aFloodOfTinyMessagesIsDeliveredInPortions(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var turns: [Int: Int] = [:]
        var othersTurn: Int?
        var floodBefore = 0
        let recorder = MessageRecorder { recorder in
            recorder.onMessage = { _, connection in
                turns[world.loop.statistics.turns, default: 0] += 1
                world.kernel.spend(.microseconds(1))
                connection.write("a")
            }
        }
        try world.listen { _ in recorder.framed(by: .lines()) }
        let flood = world.connect()
        try world.run { recorder.connection != nil }
        recorder.connection?.pauseReading()
        flood.write([UInt8](repeating: 10, count: 60_000))
        try world.run(for: .seconds(1))
        let other = MessageRecorder { other in
            other.onMessage = { _, _ in
                othersTurn = world.loop.statistics.turns
                floodBefore = recorder.messages.count
            }
        }
        try world.listen(on: .loopback(port: 7789)) { _ in other.framed(by: .lines()) }
        let late = world.connect(to: .loopback(port: 7789))
        try world.run { other.connection != nil }
        recorder.connection?.resumeReading()
        late.write("me too\n")
        let asked = world.now
        try world.run { othersTurn != nil }
        #expect(asked.duration(to: world.now) < .milliseconds(2))
        #expect(floodBefore < 2000)
        try world.run { recorder.messages.count == 60_000 }
        #expect(turns.values.max()! <= 512, "messages a turn")
        try world.check()
    }

    @Test(arguments: Backend.all) func connectingFramesTheOtherEndToo(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let lines = LineFraming()
        var answers: [String] = []
        try world.loop.listen(on: .loopback(port: 7788), framing: .lines()) { _ in
            MessageRecorder { $0.onMessage = { message, connection in try lines.write(message, to: connection) } }
        }
        try world.loop.connect(to: .loopback(port: 7788), framing: .lines()) { _ in
            MessageRecorder { recorder in
                recorder.onConnected = { connection in try ten.forEach { try lines.write($0, to: connection) } }
                recorder.onMessage = { message, _ in answers.append(String(decoding: message, as: UTF8.self)) }
            }
        } failed: {
            Issue.record("\($0)")
        }
        try world.run { answers.count == 10 }
        #expect(answers == ten)
        try world.check()
    }
}
