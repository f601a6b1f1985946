// Connecting, datagrams and signals, for tasks that wait for them.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct ConnectingTests {
    // MARK: Connecting

    @Test(arguments: AsyncWorld.all) func aTaskConnectsByName(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { try await echo($0) }
            let client = try await loop.connect(to: "127.0.0.1:\(address.port)")
            try await client.write("hello")
            #expect(try await client.readExactly(5) == Array("hello".utf8))
            client.close()
            let error = await #expect(throws: SocketError.self) { _ = try await loop.connect(to: "nonsense") }
            #expect(error?.operation == .parse)
        }
    }

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

    // MARK: Datagrams

    @Test(arguments: AsyncWorld.all) func datagramsAreASequence(_ world: AsyncWorld) throws {
        try world.run { loop in
            let server = try loop.datagrams(on: .loopback(port: 0))
            let echo = loop.task { [address = server.base.address] loop in
                let client = try loop.datagrams(on: .loopback(port: 0))
                var answers: [String] = []
                for word in ["one", "", "three"] {
                    client.base.send(word, to: address)
                    guard let answer = try await client.makeAsyncIterator().next() else { break }
                    answers.append(String(decoding: answer.bytes, as: UTF8.self))
                }
                client.base.close()
                return answers
            }
            var count = 0
            for try await datagram in server {
                server.base.send(datagram.bytes, to: datagram.peer)
                count += 1
                if count == 3 { break }
            }
            #expect(try await echo.value == ["one", "", "three"])
            // Closing ends the sequence.
            loop.schedule(after: .milliseconds(1)) { server.base.close() }
            #expect(try await server.makeAsyncIterator().next() == nil)
        }
    }

    @Test func datagramsThatNobodyTakesAreDropped() throws {
        try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            let server = try loop.datagrams(on: .loopback(port: 0), keeping: 2)
            let client = try loop.datagrams(on: .loopback(port: 0))
            for number in 0..<5 { client.base.send("\(number)", to: server.base.address) }
            try await loop.wait { server.dropped == 3 }
            var kept: [String] = []
            for try await datagram in server {
                kept.append(String(decoding: datagram.bytes, as: UTF8.self))
                if kept.count == 2 { break }
            }
            #expect(kept == ["0", "1"])
            let waiting = loop.task { loop in
                let idle = try loop.datagrams(on: .loopback(port: 0))
                defer { idle.base.close() }
                _ = try await idle.makeAsyncIterator().next()
            }
            try await loop.sleep(for: .milliseconds(1))
            waiting.cancel()
            let outcome = await waiting.result
            #expect(throws: WaitError.self) { try outcome.get() }
        }
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
}

extension Faults {
    /// A network that takes 100 ms.
    fileprivate static var farAway: Faults {
        var faults = Faults.none
        faults.delay = 100_000_000...100_000_000
        return faults
    }
}
