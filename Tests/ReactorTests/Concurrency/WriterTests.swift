// Writing to connections from elsewhere: broadcasts that no slow peer holds up.

import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct WriterTests {
    @Test(arguments: AsyncWorld.all) func aBroadcastIsNotHeldUpByASlowPeer(_ world: AsyncWorld) throws {
        let room = Room()
        let notes = Notes()
        try world.run { loop in
            var limits = Limits()
            (limits.sendBuffer, limits.receiveBuffer) = (16_000, 16_000)
            let address = try loop.served(limits: limits) { connection in
                await room.enter(connection.writer(limit: 100_000))
                do throws(WaitError) { _ = try await connection.read() } catch {
                    notes.add("\(error.closeReason?.kind == .outputLimit)")
                    throw error
                }
            }
            let slow = try await loop.connect(to: address, limits: limits)
            slow.base.pauseReading()
            let fast = loop.task { loop in
                let client = try await loop.connect(to: address)
                let all = try await client.readExactly(200 * 10_000)
                client.closeWrite()
                return all
            }
            try await loop.wait { await room.writers.count == 2 }
            for _ in 0..<200 {
                await room.say(numbered(10_000))
                try await loop.sleep(for: .milliseconds(10))
            }
            let received = try await fast.value
            #expect(received?.count == 2_000_000)
            try await loop.wait { notes.all.count == 1 }
            slow.abort()
        }
        #expect(notes.all == ["true"])
    }

    @Test func whatThereIsNoRoomForIsDropped() throws {
        try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            let room = Room()
            let address = try loop.served { connection in
                await room.enter(connection.writer(.drop, limit: 1000))
                _ = try await connection.read()
            }
            let client = try await loop.connect(to: address)
            try await loop.wait { await room.writers.count == 1 }
            let writer = await room.writers[0]
            #expect(writer.write([UInt8](repeating: 1, count: 600)))
            #expect(!writer.write([UInt8](repeating: 2, count: 600)), "1,200 would be on their way")
            #expect(writer.dropped == 1)
            try await loop.sleep(for: .milliseconds(1))
            #expect(writer.write([UInt8](repeating: 3, count: 600)), "there is room again")
            #expect(try await client.readExactly(1200)?.last == 3)
            client.close()
            try await loop.sleep(for: .milliseconds(1))
            #expect(!writer.write("gone"))
        }
    }

    @Test func writersMayBeUsedFromAnyThread() async throws {
        let count = try await onThread {
            try AsyncWorld(backend: .epoll(), isSimulated: false).run(limit: .seconds(300)) { loop in
                let room = Room()
                var limits = Limits()
                limits.firstMessageTime = nil
                let address = try loop.served(limits: limits) { connection in
                    await room.enter(connection.writer(limit: 1_000_000))
                    _ = try await connection.read()
                }
                let client = try await loop.connect(to: address)
                try await loop.wait { await room.writers.count == 1 }
                let writer = await room.writers[0]
                let others = (0..<4).map { _ in
                    loop.task { _ in
                        try await onThread { for _ in 0..<500 { writer.write([UInt8](repeating: 7, count: 10)) } }
                    }
                }
                for other in others { try await other.value }
                let received = try await client.readExactly(4 * 500 * 10)
                client.close()
                return received?.count
            }.result
        }
        #expect(count == 20_000)
    }
}

/// Whom a broadcast goes to.
private actor Room {
    private(set) var writers: [ConnectionWriter] = []
    func enter(_ writer: ConnectionWriter) { writers.append(writer) }
    func say(_ bytes: [UInt8]) { for writer in writers { writer.write(bytes) } }
}
