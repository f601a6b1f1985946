// A connection in two halves: both directions at once, cancellation and deadlines of one half, writers that share one.

import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct HalvesTests {
    /// Both ends send two mebibytes at once, and read with another task: neither stops the other.
    @Test(arguments: AsyncWorld.all) func bothDirectionsFlowAtOnce(_ world: AsyncWorld) throws {
        let sent = numbered(2 << 20)
        var limits = Limits()
        (limits.sendBuffer, limits.receiveBuffer) = (16_000, 16_000)
        let (same, _) = try world.run { [limits] loop in
            let address = try loop.served(limits: limits) { connection in
                let (reader, writer) = connection.split()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await reader.check(sent) }
                    group.addTask {
                        try await writer.writeAll(sent)
                        writer.closeWrite()
                    }
                    try await group.waitForAll()
                }
            }
            let client = try await loop.connect(to: address, limits: limits)
            let (reader, writer) = client.split()
            let writing = loop.task { _ in
                try await writer.writeAll(sent)
                writer.closeWrite()
            }
            async let reading: Void = reader.check(sent)
            try await reading
            try await writing.value
            client.close()
            return true
        }
        #expect(same)
    }

    @Test(arguments: AsyncWorld.all) func oneHalfIsCancelledWithoutTheOther(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { try await echo($0) }
            let client = try await loop.connect(to: address)
            let (reader, writer) = client.split()
            let reading = loop.task { _ in try await reader.read() }
            try await loop.sleep(for: .milliseconds(1))
            reading.cancel()
            let error = await #expect(throws: WaitError.self) { try await reading.value }
            #expect(error?.kind == .cancelled)
            try await writer.write("still there")
            #expect(try await reader.readExactly(11) == Array("still there".utf8))
            client.close()
        }
    }

    @Test(arguments: AsyncWorld.all) func aDeadlineEndsItsHalfOnly(_ world: AsyncWorld) throws {
        var limits = Limits()
        (limits.sendBuffer, limits.receiveBuffer) = (16_000, 16_000)
        limits.firstMessageTime = nil
        try world.run { [limits] loop in
            let address = try loop.served(limits: limits) { connection in
                connection.base.pauseReading()
                try await loopPause(connection, .milliseconds(200))
                connection.base.resumeReading()
                var left = 2_000_000
                while left > 0, let bytes = try await connection.read() { left -= bytes.count }
                try await connection.write("done")
            }
            let client = try await loop.connect(to: address, limits: limits)
            let (reader, writer) = client.split()
            let late = await #expect(throws: WaitError.self) {
                try await reader.withDeadline(.milliseconds(5)) { reader in _ = try await reader.read() }
            }
            #expect(late?.kind == .deadline)
            let reading = loop.task { _ in try await reader.readExactly(4) }
            try await writer.write(numbered(1_900_000))
            let blocked = await #expect(throws: WaitError.self) {
                try await writer.withDeadline(.milliseconds(20)) { writer in
                    try await writer.write("never")
                }
            }
            #expect(blocked?.kind == .deadline)
            try await writer.write(numbered(100_000))
            #expect(try await reading.value == Array("done".utf8))
            client.close()
        }
    }

    /// Twenty tasks write messages of different lengths through one half, more than the watermark in all.
    @Test(arguments: AsyncWorld.all) func sharedWritersKeepMessagesWholeAndTakeTurns(_ world: AsyncWorld) throws {
        var limits = Limits()
        (limits.sendBuffer, limits.receiveBuffer) = (16_000, 16_000)
        let notes = Notes()
        try world.run { [limits] loop in
            let address = try loop.served(limits: limits) { connection in
                var last = [Int](repeating: -1, count: 20)
                var first: [Int] = []
                for try await message in connection.messages(.lengthPrefixed()) {
                    let (task, number) = (Int(message[0]), Int(message[1]))
                    #expect(message.dropFirst(2).allSatisfy { $0 == message[0] }, "a message is not whole")
                    #expect(number == last[task] + 1, "the messages of one task keep their order")
                    last[task] = number
                    if number == 0 { first.append(task) }
                }
                notes.add("\(last.allSatisfy { $0 == 9 }) \(first == Array(0..<20))")
            }
            let client = try await loop.connect(to: address, limits: limits)
            let (reader, writer) = client.split()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<20 {
                    group.addTask {
                        for number in 0..<10 {
                            let length = 2 + 997 * task + 13_000 * (number % 3)
                            var bytes = (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
                            bytes += [UInt8(task), UInt8(number)]
                            bytes += [UInt8](repeating: UInt8(task), count: length - 2)
                            try await writer.write(bytes)
                        }
                    }
                }
                try await group.waitForAll()
            }
            writer.closeWrite()
            #expect(try await reader.read() == nil)
            client.close()
        }
        #expect(notes.all == ["true true"])
    }

    @Test func aWriterThatGivesUpLetsTheOthersMoveUp() throws {
        var limits = Limits()
        (limits.sendBuffer, limits.receiveBuffer) = (16_000, 16_000)
        limits.firstMessageTime = nil
        let notes = Notes()
        try AsyncWorld(backend: .epoll(), isSimulated: true).run { [limits] loop in
            let address = try loop.served(limits: limits) { connection in
                connection.base.pauseReading()
                try await loopPause(connection, .milliseconds(200))
                connection.base.resumeReading()
                notes.add("\(try await connection.readExactly(1_000_000)?.count ?? 0)")
                while let line = try await connection.read() { notes.add(String(decoding: line, as: UTF8.self)) }
            }
            let client = try await loop.connect(to: address, limits: limits)
            let (_, writer) = client.split()
            try await writer.write(numbered(1_000_000))
            let tasks = ["a", "b", "c"].map { word in loop.task { _ in try await writer.write(word) } }
            try await loop.sleep(for: .milliseconds(10))
            tasks[1].cancel()
            let error = await #expect(throws: WaitError.self) { try await tasks[1].value }
            #expect(error?.kind == .cancelled)
            tasks[0].cancel()
            let first = await #expect(throws: WaitError.self) { try await tasks[0].value }
            #expect(first?.kind == .cancelled)
            try await tasks[2].value
            client.closeWrite()
            try await loop.wait { notes.all.count == 2 }
            client.close()
        }
        #expect(notes.all == ["1000000", "c"])
    }

    @Test(arguments: AsyncWorld.all) func closingEndsTheWaitsOfBothHalves(_ world: AsyncWorld) throws {
        var limits = Limits()
        (limits.sendBuffer, limits.receiveBuffer) = (16_000, 16_000)
        let notes = Notes()
        try world.run { [limits] loop in
            let address = try loop.served(limits: limits) { connection in
                try await loopPause(connection, .milliseconds(50))
            }
            let client = try await loop.connect(to: address, limits: limits)
            let (reader, writer) = client.split()
            client.base.pauseReading()
            let tasks = (0..<3).map { number in
                loop.task { _ in
                    do throws(WaitError) {
                        if number == 0 { _ = try await reader.readExactly(10) }
                        while number > 0 { try await writer.write(numbered(300_000)) }
                    } catch { notes.add("\(error.kind == .closed)") }
                }
            }
            try await loop.sleep(for: .milliseconds(10))
            client.abort()
            for task in tasks { try await task.value }
        }
        #expect(notes.all == ["true", "true", "true"])
    }

    @Test func aDrainingServerEndsTheReadsOfAHalf() throws {
        let notes = Notes()
        try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            let ready = Notes()
            let serving = loop.task { [ready] loop in
                try await loop.serve(on: .loopback(port: 7000), listening: { _ in ready.add("listening") }) {
                    connection in
                    let (reader, writer) = connection.split()
                    async let end = reader.read()
                    let isAtEnd = try await end == nil
                    notes.add("\(isAtEnd)")
                    try await writer.write("bye")
                }
            }
            try await loop.wait { !ready.all.isEmpty }
            let client = try await loop.connect(to: .loopback(port: 7000))
            try await loop.sleep(for: .milliseconds(10))
            serving.cancel()
            #expect(try await client.readAll() == Array("bye".utf8))
            client.close()
            try await serving.value
        }
        #expect(notes.all == ["true"])
    }

    @Test func twoReadersAtOnceTrap() async {
        await #expect(processExitsWith: .failure) {
            try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
                let address = try loop.served { try await echo($0) }
                let (reader, _) = try await loop.connect(to: address).split()
                let tasks = (0..<2).map { _ in loop.task { _ in try await reader.read() } }
                for task in tasks { _ = try await task.value }
            }
        }
    }

    @Test func aHalfOnAnotherThreadTraps() async {
        await #expect(processExitsWith: .failure) {
            try AsyncWorld(backend: .epoll(), isSimulated: false).run { loop in
                let address = try loop.served { try await echo($0) }
                let (_, writer) = try await loop.connect(to: address).split()
                try await Task.detached { try await writer.write("from afar") }.value
            }
        }
    }
}

extension ConnectionReadHalf {
    /// Reads to the end of the stream, which is to consist of these bytes.
    nonisolated(nonsending) fileprivate func check(_ bytes: [UInt8]) async throws {
        var count = 0
        while let piece = try await read() {
            let isSame = bytes[count..<min(bytes.count, count + piece.count)].elementsEqual(piece)
            #expect(isSame)
            count += piece.count
        }
        #expect(count == bytes.count)
    }
}

extension ConnectionWriteHalf {
    nonisolated(nonsending) fileprivate func writeAll(_ bytes: [UInt8]) async throws {
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + 10_000)
            try await write(bytes.span.extracting(start..<end))
            start = end
        }
    }
}

private nonisolated(nonsending) func loopPause(_ connection: AsyncConnection, _ time: Duration) async throws {
    try await connection.loop.sleep(for: time)
}
