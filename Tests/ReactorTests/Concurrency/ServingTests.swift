// Servers of tasks: how they end, what their connections' tasks see of it, and that no thread but one has part in it.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct ServingTests {
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
            let listener = try loop.startServing(on: .loopback(port: 0)) { try await echo($0) }
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

    /// The loop's own draining is the same to a task: its stream ends, and it may say a last word.
    @Test(arguments: AsyncWorld.all) func aDrainingLoopEndsItsTasksStreams(_ world: AsyncWorld) throws {
        let notes = Notes()
        try world.run { loop in
            let address = try loop.served { connection in
                for try await _ in connection.lines() {}
                try await connection.write("bye\n")
            }
            let client = try await loop.connect(to: address)
            try await client.write("hello\n")
            try await loop.sleep(for: .milliseconds(2))
            loop.drain(within: .seconds(100))
            notes.add(String(decoding: try await client.readExactly(4) ?? [], as: UTF8.self))
            client.close()
        }
        #expect(notes.all == ["bye\n"])
    }

    @Test func aServerOfSeveralLoopsServesWithTasks() throws {
        let notes = Notes()
        let server = try TCPServer(on: "127.0.0.1:0", loops: 2).listenServing({ connection in
            for try await line in connection.lines() {
                notes.add(line)
                try await connection.write(line + "\n")
            }
        })
        let handle = server.handle
        let address = server.address
        let client = RealThread {
            _ = try? EventLoop().run { loop in
                for number in 0..<20 {
                    let connection = try await loop.connect(to: address)
                    try await connection.write("\(number)\n")
                    _ = try await connection.readExactly(2)
                    connection.close()
                }
            }
            handle.drain(within: .seconds(5))
        }
        defer { client.join() }
        try server.run()
        #expect(Set(notes.all) == Set((0..<20).map { "\($0)" }))
    }

    /// Cancelled, it drains: the tasks' streams end, and they may say a last word.
    @Test func aServerThatATaskWaitsForIsDrainedByCancellingIt() async throws {
        let notes = Notes()
        let (addresses, listening) = AsyncStream.makeStream(of: SocketAddress.self)
        let server = Task {
            try await TCPServer(on: "127.0.0.1:0", loops: 2).serve(listening: { listening.yield($0.address) }) {
                connection in
                for try await line in connection.lines() { try await connection.write(line + "\n") }
                try await connection.write("bye\n")
            }
        }
        let address = try #require(await addresses.first { _ in true })
        try await onThread {
            try EventLoop().run { loop in
                let connection = try await loop.connect(to: address)
                try await connection.write("hello\n")
                notes.add(String(decoding: try await connection.readExactly(6) ?? [], as: UTF8.self))
                server.cancel()
                notes.add(String(decoding: try await connection.readAll(), as: UTF8.self))
                connection.close()
            }
        }
        #expect(notes.all == ["hello\n", "bye\n"])
        #expect(try await server.value.total.connectionsOpened == 1)
    }

    @Test func aServerThatCannotListenSaysSoToItsTask() async throws {
        let taken = try TCPServer(on: "127.0.0.1:0").start(handler: { _ in EchoHandler() }, ended: { _ in })
        let error = await #expect(throws: SocketError.self) { try await TCPServer(on: taken.address).serve { _ in } }
        #expect(error?.errno == .addressInUse)
        taken.handle.stop()
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
                                client.closeWrite()
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

extension EventLoop {
    /// An address at which nobody listens, a moment after somebody did.
    func freeAddress() throws -> SocketAddress {
        let listener = try startServing(on: .loopback(port: 0)) { try await echo($0) }
        defer { listener.close() }
        return listener.address
    }
}
