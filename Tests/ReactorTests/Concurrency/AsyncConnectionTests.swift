// Connections as tasks see them: reading in all ways, writing under pressure, ends, deadlines.

import Glibc
import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct AsyncConnectionTests {
    // MARK: Reading

    @Test(arguments: AsyncWorld.all) func anEchoComesBack(_ world: AsyncWorld) throws {
        let here = thisThread()
        let notes = Notes()
        let (_, statistics) = try world.run { loop in
            let address = try loop.served { connection in
                notes.add("\(thisThread() == here)")
                try await echo(connection)
                notes.add("\(thisThread() == here)")
            }
            let client = try await loop.connect(to: address)
            #expect(client.peer == address)
            #expect(client.local != nil)
            for word in ["hello", "there"] {
                try await client.write(word)
                #expect(try await client.readExactly(5) == Array(word.utf8))
            }
            client.closeWrite()
            #expect(try await client.readAll() == [])
            client.close()
        }
        #expect(notes.all == ["true", "true"])
        #expect(statistics.handlerErrors == 0)
        #expect(statistics.connectionsOpened == 2 && statistics.connectionsClosed == 2)
    }

    @Test(arguments: AsyncWorld.all) func manyBytesComeBackInOrder(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { try await echo($0) }
            let client = try await loop.connect(to: address)
            for number in 0..<100 {
                let bytes = numbered(10_000 + number)
                try await client.write(bytes)
                let isSame = try await client.readExactly(bytes.count) == bytes
                #expect(isSame)
            }
            client.close()
        }
    }

    @Test(arguments: AsyncWorld.all) func piecesAreReadAsTheCallerWants(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { connection in
                try await connection.write("abcdefghij")
                try await loopPause(connection)
                try await connection.write("klm")
            }
            let client = try await loop.connect(to: address)
            var one: [UInt8] = [0]
            #expect(try await client.read(into: &one) == 1)
            #expect(one == Array("a".utf8))
            #expect(try await client.read(upTo: 2) == Array("bc".utf8))
            #expect(try await client.readExactly(0) == [])
            #expect(try await client.readExactly(8) == Array("defghijk".utf8))
            #expect(try await client.read() == Array("lm".utf8))
            #expect(try await client.read() == nil)
            #expect(try await client.readExactly(1) == nil)
            client.close()
        }
    }

    @Test(arguments: AsyncWorld.all) func aStreamThatEndsWithinAPieceSaysSo(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { try await $0.write("abc") }
            let client = try await loop.connect(to: address)
            let error = await #expect(throws: WaitError.self) { try await client.readExactly(4) }
            #expect(error?.kind == .truncated)
            #expect(try await client.read() == Array("abc".utf8), "what there is can be read otherwise")
            client.close()
        }
    }

    @Test(arguments: AsyncWorld.all) func linesAreCut(_ world: AsyncWorld) throws {
        let notes = Notes()
        try world.run { loop in
            let address = try loop.served { connection in
                for try await line in connection.lines(limit: 10) { notes.add(line) }
                notes.add("end")
            }
            let client = try await loop.connect(to: address)
            for piece in ["one\ntwo\r", "\n", "\n", "thr", "ee\nwörld\n0123456789\r", "\n"] {
                try await client.write(piece)
                try await loop.sleep(for: .milliseconds(1))
            }
            client.closeWrite()
            #expect(try await client.readAll() == [])
        }
        #expect(notes.all == ["one", "two", "", "three", "wörld", "0123456789", "end"])
    }

    @Test(arguments: [
        ("01234567890\n", FramingError.Kind.tooLong), ("0123456789012", .tooLong), ("caf\u{e9}", .truncated),
        ("\n", nil),
    ])
    func linesOfLiarsAreRefused(_ sent: String, _ kind: FramingError.Kind?) throws {
        let (_, statistics) = try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            let address = try loop.served { connection in
                do {
                    for try await _ in connection.lines(limit: 10) {}
                    #expect(kind == nil)
                } catch {
                    #expect((error as? WaitError)?.framingError?.kind == kind)
                    throw error
                }
            }
            let client = try await loop.connect(to: address)
            try await client.write(sent)
            client.closeWrite()
            _ = try? await client.readAll()
        }
        #expect(statistics.framingErrors == (kind == nil ? 0 : 1))
        #expect(statistics.handlerErrors == 0)
    }

    @Test(arguments: AsyncWorld.all) func messagesOfAnyFramingAreCut(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { connection in
                var sizes: [Int] = []
                for try await message in connection.messages(.fixedSize(3000)) { sizes.append(message.count) }
                #expect(sizes == Array(repeating: 3000, count: 40))
                try await connection.write("all")
            }
            let client = try await loop.connect(to: address)
            for _ in 0..<12 {
                try await client.write(numbered(10_000))
                try await loop.sleep(for: .milliseconds(1))
            }
            client.closeWrite()
            #expect(try await client.readAll() == Array("all".utf8))
        }
    }

    /// A line that drips in does not extend the time that a first message may take.
    @Test func theFirstLineHasToBeWholeInTime() throws {
        try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            let address = try loop.served { connection in
                let error = await #expect(throws: WaitError.self) { for try await _ in connection.lines() {} }
                #expect(error?.closeReason?.kind == .messageTimeout)
            }
            let client = try await loop.connect(to: address)
            for _ in 0..<15 {
                try? await client.write("x")
                try await loop.sleep(for: .seconds(1))
            }
            #expect(client.base.isClosed)
        }
    }

    @Test func aLineThatIsNotUTF8IsRefused() throws {
        try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            let address = try loop.served { connection in
                let error = await #expect(throws: WaitError.self) { for try await _ in connection.lines() {} }
                #expect(error?.kind == .malformed)
            }
            let client = try await loop.connect(to: address)
            try await client.write([0x66, 0xff, 0x0a])
            #expect(try await client.readAll() == [])
        }
    }

    /// What nobody reads stays in the kernel, and is read later.
    @Test(arguments: AsyncWorld.all) func aTaskThatDoesNotReadHoldsItsPeerBack(_ world: AsyncWorld) throws {
        let (_, statistics) = try world.run { loop in
            let address = try loop.served { connection in
                try await connection.loop.sleep(for: .milliseconds(50))
                #expect(connection.base.bytesReceived <= 64 * 1024, "one receive, and then no more")
                let all = try await connection.readAll()
                #expect(all == numbered(300_000))
                try await connection.write("thanks")
            }
            let client = try await loop.connect(to: address)
            try await client.write(numbered(300_000))
            client.closeWrite()
            #expect(try await client.readAll() == Array("thanks".utf8))
        }
        #expect(statistics.handlerErrors == 0)
    }

    // MARK: Writing

    @Test(arguments: AsyncWorld.all) func aSlowReaderSuspendsTheWriter(_ world: AsyncWorld) throws {
        let notes = Notes()
        try world.run { loop in
            let total = 4_000_000
            let address = try loop.served { connection in
                let piece = numbered(10_000)
                for _ in 0..<(total / piece.count) {
                    try await connection.write(piece)
                    if connection.base.queuedBytes > 64 * 1024 { notes.add("\(connection.base.queuedBytes)") }
                }
            }
            let client = try await loop.connect(to: address)
            try await loop.sleep(for: .milliseconds(20))
            var count = 0
            while let bytes = try await client.read() {
                count += bytes.count
            }
            #expect(count == total)
        }
        #expect(notes.all == [], "no more than the watermark waits when a write returns")
    }

    @Test(arguments: AsyncWorld.all) func aLargeWriteGoesInPieces(_ world: AsyncWorld) throws {
        try world.run { loop in
            let bytes = numbered(2_000_000)
            let address = try loop.served { connection in try await connection.write(numbered(2_000_000)) }
            let client = try await loop.connect(to: address)
            let received = try await client.readAll()
            let isSame = received == bytes
            #expect(isSame)
        }
    }

    /// A kernel that takes whatever comes never suspends a writer; others have their turn all the same.
    @Test(arguments: Backend.all) func aTaskThatWritesForEverStarvesNobody(_ backend: Backend) throws {
        let kernel = SimulatedKernel(seed: 1)
        kernel.sendBuffer = 1 << 30
        let notes = Notes()
        try EventLoop(backend: backend, kernel: kernel).run { loop in
            let address = try loop.served { connection in
                let bytes = numbered(30_000)
                var written = 0
                notes.add("the writer begins")
                while notes.all.count == 1 && written < 1 << 25 {
                    try await connection.write(bytes)
                    written += bytes.count
                }
                notes.add("the writer stops")
                connection.abort()
            }
            let client = try await loop.connect(to: address)
            client.base.pauseReading()
            while notes.all.isEmpty { await Task.yield() }
            try await loop.sleep(for: .microseconds(10))
            notes.add("another has its turn")
            try await loop.wait { notes.all.count == 3 }
            client.abort()
        }
        #expect(notes.all == ["the writer begins", "another has its turn", "the writer stops"])
    }

    @Test(arguments: AsyncWorld.all) func whoHasFinishedDoesNotWrite(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { try await echo($0) }
            let client = try await loop.connect(to: address)
            client.closeWrite()
            let error = await #expect(throws: WaitError.self) { try await client.write("x") }
            #expect(error?.kind == .closed)
            #expect(try await client.readAll() == [])
        }
    }

    // MARK: Ending

    @Test(arguments: AsyncWorld.all) func leavingTheClosureFlushesAndCloses(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { connection in
                try await connection.write(numbered(60_000))
            }
            let client = try await loop.connect(to: address)
            #expect(try await client.readAll() == numbered(60_000))
            client.close()
        }
    }

    @Test(arguments: AsyncWorld.all) func aThrownErrorClosesThatConnectionOnly(_ world: AsyncWorld) throws {
        let (_, statistics) = try world.run { loop in
            let address = try loop.served { connection in
                for try await line in connection.lines() {
                    if line == "throw" { throw Sorry() }
                    try await connection.write(line + "\n")
                }
            }
            let (bad, good) = (try await loop.connect(to: address), try await loop.connect(to: address))
            try await bad.write("throw\n")
            _ = try? await bad.readAll()
            try await good.write("hello\n")
            #expect(try await good.readExactly(6) == Array("hello\n".utf8))
            good.close()
        }
        #expect(statistics.handlerErrors == 1)
    }

    @Test(arguments: AsyncWorld.all) func aResetIsAnErrorToWhoeverWaits(_ world: AsyncWorld) throws {
        let notes = Notes()
        let (_, statistics) = try world.run { loop in
            let address = try loop.served { connection in
                do throws(WaitError) { _ = try await connection.read() } catch {
                    notes.add("\(error.kind == .closed) \(error.closeReason?.kind == .failed)")
                    throw error
                }
            }
            let client = try await loop.connect(to: address)
            try await loop.sleep(for: .milliseconds(1))
            client.abort()
            let error = await #expect(throws: WaitError.self) { try await client.read() }
            #expect(error?.closeReason?.kind == .aborted)
            try await loop.wait { notes.all.count == 1 }
        }
        #expect(notes.all == ["true true"])
        #expect(statistics.handlerErrors == 0, "the peer's doing is no fault of the closure")
    }

    @Test func limitsEndAConnectionThatATaskServes() throws {
        try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            var limits = Limits()
            limits.idleTime = .seconds(5)
            let address = try loop.served(limits: limits) { connection in
                _ = try await connection.read()
                let error = await #expect(throws: WaitError.self) { try await connection.read() }
                #expect(error?.closeReason?.kind == .idle)
            }
            let client = try await loop.connect(to: address)
            try await client.write("x")
            _ = try? await client.readAll()
        }
    }

    @Test(arguments: AsyncWorld.all) func theEndOfTheLoopEndsItsConnectionsTasks(_ world: AsyncWorld) throws {
        let notes = Notes()
        try world.run { loop in
            let address = try loop.served { connection in
                do throws(WaitError) { _ = try await connection.read() } catch {
                    notes.add("\(error.closeReason?.kind == .loopEnded)")
                }
            }
            for _ in 0..<3 { _ = try await loop.connect(to: address) }
            try await loop.sleep(for: .milliseconds(5))
        }
        #expect(notes.all == ["true", "true", "true"])
    }

    // MARK: Deadlines

    @Test(arguments: AsyncWorld.all) func aDeadlineEndsAReadAndNotTheConnection(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { connection in
                let error = await #expect(throws: WaitError.self) {
                    try await connection.withDeadline(.milliseconds(10)) { _ = try await connection.read() }
                }
                #expect(error?.kind == .deadline)
                try await connection.write("late")
                // The inner one is longer, the outer one counts.
                let nested = await #expect(throws: WaitError.self) {
                    try await connection.withDeadline(.milliseconds(10)) {
                        try await connection.withDeadline(.seconds(100)) { _ = try await connection.read() }
                    }
                }
                #expect(nested?.kind == .deadline)
                // One that cancels whatever is waited for, a connection too.
                let general = await #expect(throws: WaitError.self) {
                    try await connection.loop.withDeadline(.milliseconds(10)) { _ = try await connection.read() }
                }
                #expect(general?.kind == .deadline)
                let answer = try await connection.withDeadline(.seconds(100)) { try await connection.readExactly(2) }
                #expect(answer == Array("ok".utf8))
            }
            let client = try await loop.connect(to: address)
            #expect(try await client.readExactly(4) == Array("late".utf8))
            try await loop.sleep(for: .milliseconds(60))
            try await client.write("ok")
            #expect(try await client.readAll() == [])
        }
    }
}

private nonisolated(nonsending) func loopPause(_ connection: AsyncConnection) async throws {
    try await connection.loop.sleep(for: .milliseconds(20))
}
