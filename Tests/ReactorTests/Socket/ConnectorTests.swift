// Connecting: success, refusal, time-out, cancelling, and what the kernel answers on the way.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct ConnectorTests {
    @Test(arguments: Backend.all) func aClientTalksToAServerOnOneLoop(_ backend: Backend) throws {
        let kernel = CountingKernel()
        try withLoop(backend, kernel: kernel) { loop in
            for local in [nil, SocketAddress.ipv4(127, 0, 0, 9, port: 0)] {
                var peer: SocketAddress?
                let listener = try loop.listen(on: "127.0.0.1:0") { connection in
                    peer = connection.peer
                    return EchoHandler()
                }
                let client = Recorder()
                client.onConnected = { $0.write("ping") }
                client.onReceived = { _, connection in connection.close() }
                try loop.connect(to: listener.address, from: local) { _ in
                    client
                } failed: {
                    Issue.record($0)
                }
                try loop.run { client.isClosed }
                #expect(client.text == "ping" && client.calls == ["connected", "received", "closed"])
                if let local { #expect(peer?.host == local.host) }
            }
            try loop.run { loop.statistics.connectionsClosed == 4 }
        }
        #expect(kernel.open.isEmpty && kernel.faults.isEmpty)
    }

    /// The server speaks and ends before the client's loop has looked once.
    @Test(arguments: Backend.all) func whatCameWithTheConnectionIsNotMissed(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let server = try EventLoop()
            defer { server.shutdown() }
            let (address, recorders, _) = try server.listenRecording { recorder in
                recorder.onConnected = {
                    $0.write("welcome")
                    $0.close()
                }
            }
            let client = Recorder()
            try loop.connect(to: address) { _ in
                client
            } failed: {
                Issue.record($0)
            }
            try server.run { !recorders.all.isEmpty }
            try server.run(for: .milliseconds(2))
            try loop.run(within: .seconds(2)) { client.isClosed }
            #expect(client.text == "welcome")
            #expect(client.calls == ["connected", "received", "ended", "closed"])
        }
    }

    @Test(arguments: Backend.all) func aRefusalIsToldLaterAndOnce(_ backend: Backend) throws {
        let kernel = CountingKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
            listener.close()
            var errors: [SocketError] = []
            let connector = try loop.connect(to: listener.address) { _ in
                Issue.record("there is nobody")
                return EchoHandler()
            } failed: {
                errors.append($0)
            }
            #expect(errors.isEmpty)
            try loop.run { !errors.isEmpty }
            connector.cancel()
            try loop.run(for: .milliseconds(5))
            #expect(errors.count == 1 && errors[0].errno == .connectionRefused)
            #expect(errors[0].description.contains("\(listener.address)"))
            #expect(loop.timerCount == 0)
        }
        #expect(kernel.open.isEmpty && kernel.faults.isEmpty)
    }

    /// A listener whose backlog is full leaves the handshake without an answer.
    private func silentListener() throws -> (SocketAddress, FileDescriptor, [TestClient]) {
        let kernel = LinuxKernel.shared
        let listener = kernel.socket(.stream, for: .unspecified).descriptor
        var address = SocketAddress.loopback(port: 0)
        try #require(kernel.bind(listener, to: address).succeeded && kernel.listen(listener, backlog: 0).succeeded)
        try #require(kernel.localAddress(of: listener, &address).succeeded)
        return (address, listener, [try TestClient(address)])
    }

    @Test(arguments: Backend.all) func aHandshakeWithoutAnswerTimesOut(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (address, listener, clients) = try silentListener()
            defer { close(listener.rawValue) }
            var error: SocketError?
            let start = loop.now
            try loop.connect(to: address, timeout: .milliseconds(60)) { _ in
                EchoHandler()
            } failed: {
                error = $0
            }
            try loop.run { error != nil }
            #expect(error?.errno == .timedOut)
            #expect(start.duration(to: loop.now) >= .milliseconds(60))
            #expect(loop.registrationCount == 1)
            _ = clients
        }
    }

    @Test(arguments: Backend.all) func aCancelledAttemptIsNotHeardOfAgain(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (address, listener, clients) = try silentListener()
            defer { close(listener.rawValue) }
            let connector = try loop.connect(to: address, timeout: .milliseconds(20)) { _ in
                Issue.record("connected")
                return EchoHandler()
            } failed: { _ in
                Issue.record("failed")
            }
            try loop.turn(mayWait: false)
            connector.cancel()
            connector.cancel()
            try loop.run(for: .milliseconds(40))
            #expect(loop.registrationCount == 1 && loop.timerCount == 0)
            _ = clients
        }
    }

    @Test(arguments: Backend.all) func anInterruptedConnectGoesOn(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
            kernel.fail(.connect, with: .interrupted)
            let client = Recorder()
            try loop.connect(to: listener.address) { _ in
                client
            } failed: {
                Issue.record($0)
            }
            try loop.run { !client.calls.isEmpty }
        }
    }

    @Test(arguments: Backend.all) func whatCannotBeginThrows(_ backend: Backend) throws {
        let counting = CountingKernel()
        let kernel = FaultyKernel(over: counting)
        try withLoop(backend, kernel: kernel) { loop in
            let before = counting.open
            for errno: Errno in [.networkUnreachable, .addressNotAvailable, .resourceTemporarilyUnavailable] {
                kernel.fail(.connect, with: errno)
                let error = #expect(throws: SocketError.self) {
                    _ = try loop.connect(to: .loopback(port: 9)) { _ in
                        EchoHandler()
                    } failed: { _ in
                    }
                }
                #expect(error?.errno == errno)
            }
            kernel.fail(.socket, with: .tooManyOpenFiles)
            #expect(throws: SocketError.self) {
                _ = try loop.connect(to: .loopback(port: 9)) { _ in
                    EchoHandler()
                } failed: { _ in
                }
            }
            #expect(counting.open == before)
        }
    }
}
