// Servers of tasks: how they end, what their connections' tasks see of it, and writing from elsewhere. Connecting and
// signals, too.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite struct ServingTests {
    // MARK: Ending a server

    /// A task that reads sees the end of its stream, says its last word, and all is over long before the time is.
    @Test(arguments: AsyncWorld.all) func aCancelledServerDrains(_ world: AsyncWorld) throws {
        let notes = Notes()
        try world.run { loop in
            let place = Place()
            let server = loop.task { loop in
                try await loop.serve(
                    on: .loopback(port: 0), drainTime: .seconds(1000), listening: { place.address = $0.address }
                ) { connection in
                    for try await line in connection.lines() { try await connection.write(line + "\n") }
                    try await connection.write("bye\n")
                }
                notes.add("served")
            }
            await Task.yield()
            let address = try #require(place.address)
            let clients = [try await loop.connect(to: address), try await loop.connect(to: address)]
            for client in clients {
                try await client.write("hello\n")
                #expect(try await client.readExactly(6) == Array("hello\n".utf8))
            }
            server.cancel()
            for client in clients {
                #expect(try await client.readAll() == Array("bye\n".utf8))
                client.close()
            }
            try await server.value
            await #expect(throws: SocketError.self) { _ = try await loop.connect(to: address) }
        }
        #expect(notes.all == ["served"])
    }

    @Test(arguments: AsyncWorld.all) func whoDoesNotEndInTimeIsCancelled(_ world: AsyncWorld) throws {
        let notes = Notes()
        let (_, statistics) = try world.run { loop in
            let place = Place()
            let server = loop.task { loop in
                try await loop.serve(
                    on: .loopback(port: 0), drainTime: .milliseconds(20), listening: { place.address = $0.address }
                ) { connection in
                    do { try await connection.loop.sleep(for: .seconds(1000)) } catch {
                        notes.add("\((error as? WaitError)?.kind == .cancelled)")
                        throw error
                    }
                }
                notes.add("served")
            }
            await Task.yield()
            let address = try #require(place.address)
            let client = try await loop.connect(to: address)
            try await loop.sleep(for: .milliseconds(2))
            server.cancel()
            #expect(try await client.readAll() == [])
            client.close()
            try await server.value
        }
        #expect(notes.all == ["true", "served"])
        #expect(statistics.handlerErrors == 0, "being cancelled is no fault of the closure")
    }

    /// A task that writes to a peer that does not read waits in its write when it is cancelled.
    @Test(arguments: AsyncWorld.all) func aSuspendedWriterIsCancelled(_ world: AsyncWorld) throws {
        let notes = Notes()
        try world.run { loop in
            let place = Place()
            let server = loop.task { loop in
                try await loop.serve(
                    on: .loopback(port: 0), drainTime: .milliseconds(20), listening: { place.address = $0.address }
                ) { connection in
                    do throws(WaitError) {
                        while true { try await connection.write(numbered(50_000)) }
                    } catch {
                        notes.add("\(error.kind == .cancelled)")
                        throw error
                    }
                }
            }
            await Task.yield()
            let address = try #require(place.address)
            let client = try await loop.connect(to: address)
            client.base.pauseReading()
            try await loop.sleep(for: .milliseconds(20))
            server.cancel()
            try await server.value
            client.abort()
        }
        #expect(notes.all == ["true"])
    }

    @Test(arguments: AsyncWorld.all) func aServerThatCannotListenSaysSo(_ world: AsyncWorld) throws {
        try world.run { loop in
            let listener = try loop.listen(on: .loopback(port: 0)) { try await echo($0) }
            let error = await #expect(throws: SocketError.self) {
                try await loop.serve(on: listener.address) { try await echo($0) }
            }
            #expect(error?.errno == .addressInUse)
        }
    }

    @Test(arguments: AsyncWorld.all) func theEndOfTheLoopEndsAServer(_ world: AsyncWorld) throws {
        let notes = Notes()
        try world.run { loop in
            let place = Place()
            loop.task { loop in
                try await loop.serve(on: .loopback(port: 0), listening: { place.address = $0.address }) { connection in
                    _ = try? await connection.read()
                    notes.add("connection")
                }
                notes.add("server")
            }
            await Task.yield()
            let address = try #require(place.address)
            _ = try await loop.connect(to: address)
            try await loop.sleep(for: .milliseconds(2))
        }
        #expect(notes.all == ["connection", "server"])
    }

    /// No thread but the loop's runs what serves: neither closures nor what they call.
    @Test(arguments: Backend.all) func oneLoopIsOneThread(_ backend: Backend) throws {
        let here = thisThread()
        let notes = Notes()
        try AsyncWorld(backend: backend, isSimulated: false).run { loop in
            let address = try loop.served { connection in
                func note(_ place: String) { if thisThread() != here { notes.add(place) } }
                note("begin")
                for try await line in connection.lines() {
                    note("line")
                    async let answer = Self.answer(line)
                    let text = await answer
                    note("after a child")
                    try await connection.loop.sleep(for: .microseconds(100))
                    note("after a sleep")
                    try await connection.write(text)
                    if await Self.threadOfAnswer() != here { notes.add("in a function") }
                }
                note("end")
            }
            let clients = (0..<5).map { _ in
                loop.task { loop in
                    let client = try await loop.connect(to: address)
                    for _ in 0..<20 {
                        try await client.write("x\n")
                        _ = try await client.readExactly(2)
                    }
                    client.close()
                }
            }
            for client in clients { try await client.value }
        }
        #expect(notes.all == [])
    }

    @concurrent private static func answer(_ line: String) async -> String { line + "\n" }
    @concurrent private static func threadOfAnswer() async -> UInt { thisThread() }

    // MARK: Cancelling

    @Test(arguments: AsyncWorld.all) func cancellingEndsAReadOfAClient(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { try await echo($0) }
            let reader = loop.task { loop in
                let client = try await loop.connect(to: address)
                defer { client.abort() }
                _ = try await client.read()
            }
            try await loop.sleep(for: .milliseconds(5))
            reader.cancel()
            let outcome = await reader.result
            let error = #expect(throws: WaitError.self) { try outcome.get() }
            #expect(error?.kind == .cancelled)
        }
    }

    @Test(arguments: AsyncWorld.all) func cancellingFromAnyMomentLeavesNothingBehind(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { try await echo($0) }
            for delay in 0..<30 {
                let client = loop.task { loop in
                    let connection = try await loop.connect(to: address)
                    defer { connection.close() }
                    while true {
                        try await connection.write(numbered(3000))
                        _ = try await connection.readExactly(3000)
                    }
                }
                try await loop.sleep(for: .microseconds(delay * 20))
                client.cancel()
                let outcome = await client.result
                #expect(throws: WaitError.self) { try outcome.get() }
            }
            try await loop.wait { loop.connectionCount == 0 }
        }
    }

    // MARK: Connecting

    @Test(arguments: AsyncWorld.all) func aRefusedConnectThrows(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.freeAddress()
            let error = await #expect(throws: SocketError.self) { _ = try await loop.connect(to: address) }
            #expect(error?.errno == .connectionRefused)
        }
    }

    @Test func cancellingEndsAConnect() throws {
        try AsyncWorld(backend: .epoll(), isSimulated: true).run(faults: .farAway) { loop in
            let address = try loop.served { try await echo($0) }
            let attempt = loop.task { loop in _ = try await loop.connect(to: address) }
            try await loop.sleep(for: .milliseconds(1))
            attempt.cancel()
            let outcome = await attempt.result
            let error = #expect(throws: WaitError.self) { try outcome.get() }
            #expect(error?.kind == .cancelled)
            // One that takes too long.
            let late = await #expect(throws: SocketError.self) {
                _ = try await loop.connect(to: address, timeout: .milliseconds(1))
            }
            #expect(late?.errno == .timedOut)
        }
    }

    // MARK: Writers

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
                client.finish()
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
                let address = try loop.served { connection in
                    await room.enter(connection.writer(limit: 1_000_000))
                    _ = try await connection.read()
                }
                let client = try await loop.connect(to: address)
                try await loop.wait { await room.writers.count == 1 }
                let writer = await room.writers[0]
                let others = (0..<4).map { _ in
                    Task.detached { for _ in 0..<500 { writer.write([UInt8](repeating: 7, count: 10)) } }
                }
                for other in others { await other.value }
                let received = try await client.readExactly(4 * 500 * 10)
                client.close()
                return received?.count
            }.result
        }
        #expect(count == 20_000)
    }

    // MARK: Signals

    @Test(arguments: Backend.all) func signalsAreASequence(_ backend: Backend) throws {
        try AsyncWorld(backend: backend, isSimulated: false).run { loop in
            var seen: [Signal] = []
            let signals = try loop.signals([.user1, .user2])
            _ = pthread_kill(pthread_self(), SIGUSR2)
            for try await signal in signals {
                seen.append(signal)
                if seen.count == 1 { _ = pthread_kill(pthread_self(), SIGUSR1) } else { break }
            }
            #expect(seen == [.user2, .user1])
            let waiting = loop.task { loop in
                for try await _ in try loop.signals([.hangUp]) {}
            }
            try await loop.sleep(for: .milliseconds(1))
            waiting.cancel()
            let outcome = await waiting.result
            #expect(throws: WaitError.self) { try outcome.get() }
        }
    }

    // MARK: The same again

    /// The same seed is the same run, to the last system call, faults included.
    @Test(arguments: Backend.all) func theSameSeedIsTheSameRun(_ backend: Backend) throws {
        for seed in 1...8 as ClosedRange<UInt64> {
            let traces = try (0..<2).map { _ in
                let kernel = SimulatedKernel(seed: seed, faults: .harsh)
                var loop: EventLoop?
                while loop == nil { loop = try? EventLoop(backend: backend, kernel: kernel) }
                try loop!.run { loop in
                    var address: SocketAddress?
                    while address == nil { address = try? loop.served { try await echo($0) } }
                    let clients = (0..<6).map { number in
                        let address = address!
                        return loop.task { loop in
                            for _ in 0..<3 {
                                guard let client = try? await loop.connect(to: address) else { continue }
                                try? await client.write(numbered(number * 5000))
                                client.finish()
                                _ = try? await client.withDeadline(.seconds(5)) { try await client.readAll() }
                                client.close()
                                try await loop.sleep(for: .milliseconds(number))
                            }
                        }
                    }
                    for client in clients { try? await client.value }
                }
                kernel.settle(for: .seconds(10))
                #expect(kernel.violations == [])
                #expect(kernel.openDescriptorCount == 0, "leaked: \(kernel.openDescriptorNames)")
                return (kernel.trace.digest, kernel.trace.count)
            }
            #expect(traces[0] == traces[1], "seed \(seed)")
        }
    }

    @Test(arguments: Backend.all) func underHarshFaultsTheBytesAreTheSame(_ backend: Backend) throws {
        for seed in 1...10 as ClosedRange<UInt64> {
            var faults = Faults.harsh
            (faults.reset, faults.outOfDescriptors, faults.outOfMemory) = (0, 0, 0)
            (faults.stuckPeer, faults.abortedAccept, faults.failingRegistration) = (0, 0, 0)
            try AsyncWorld(backend: backend, isSimulated: true).run(seed: seed, faults: faults) { loop in
                let address = try loop.served { try await echo($0) }
                var connected: AsyncConnection?
                while connected == nil { connected = try? await loop.connect(to: address) }
                let client = try #require(connected)
                let reader = client.writer(limit: 100_000)
                reader.write(numbered(50_000))
                let isSame = try await client.readExactly(50_000) == numbered(50_000)
                #expect(isSame, "seed \(seed)")
                client.close()
            }
        }
    }
}

/// Where a server listens.
// Safe to share: used on one thread.
private final class Place: @unchecked Sendable {
    var address: SocketAddress?
}

/// Whom a broadcast goes to.
private actor Room {
    private(set) var writers: [ConnectionWriter] = []
    func enter(_ writer: ConnectionWriter) { writers.append(writer) }
    func say(_ bytes: [UInt8]) { for writer in writers { writer.write(bytes) } }
}

extension Faults {
    /// A network that takes 100 ms.
    fileprivate static var farAway: Faults {
        var faults = Faults.none
        faults.delay = 100_000_000...100_000_000
        return faults
    }
}

extension EventLoop {
    /// An address at which nobody listens, a moment after somebody did.
    fileprivate func freeAddress() throws -> SocketAddress {
        let listener = try listen(on: .loopback(port: 0)) { try await echo($0) }
        defer { listener.close() }
        return listener.address
    }
}
