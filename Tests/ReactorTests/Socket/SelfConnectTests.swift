// A port that no server listens on, and that the kernel gives to the socket that asks for it: its own request comes back to
// it, and it would be connected to itself (RFC 9293, 3.5). Here the port is asked for, so that it happens every time.

import Glibc
import Reactor
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SelfConnectTests {
    /// An address of the loopback network that nothing else uses, with a port that is free.
    private func freeAddress(_ loop: EventLoop, _ host: UInt8) throws -> SocketAddress {
        let listener = try loop.listen(on: .ipv4(127, 94, 7, host, port: 0)) { _ in EchoHandler() }
        defer { listener.close() }
        return listener.address
    }

    @Test(arguments: Backend.all) func aSocketThatFindsItselfIsRefused(_ backend: Backend) throws {
        let kernel = CountingKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let address = try freeAddress(loop, 1)
            var errors: [SocketError] = []
            try loop.connect(to: address, from: address) { _ in
                Issue.record("it is connected to itself")
                return EchoHandler()
            } failed: {
                errors.append($0)
            }
            try loop.run { !errors.isEmpty }
            #expect(errors.count == 1 && errors[0].errno == .connectionRefused)
            // The server can have its port at once.
            let recorder = Recorder()
            try loop.listen(on: address) { _ in recorder }
            let client = try TestClient(address)
            client.send("x")
            try loop.run { recorder.text == "x" }
            #expect(loop.statistics.connectionsOpened == 1)
        }
        #expect(kernel.open.isEmpty && kernel.faults.isEmpty)
    }

    @Test(arguments: Backend.all) func theBestOfSeveralAddressesIsNeverTheSocketItself(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let own = try freeAddress(loop, 2)
            let other = try loop.listenRecording()
            var options = ConnectOptions()
            options.local = own
            let client = Recorder()
            loop.connect(toOneOf: [own, other.address], options: options) { _ in
                client
            } failed: {
                Issue.record($0)
            }
            try loop.run { client.connection != nil }
            #expect(client.connection?.peer == other.address)
        }
    }

    @Test func aConnectionThatIsKeptIsNeverToItself() throws {
        try withLoop(.epoll()) { loop in
            let own = try freeAddress(loop, 3)
            var options = ConnectOptions()
            options.local = own
            var backoff = Backoff()
            backoff.maximum = .milliseconds(1)
            var failures: [Errno?] = []
            let reconnector = try loop.keepConnected(to: "\(own)", backoff: backoff, options: options) { _ in
                Issue.record("it is connected to itself")
                return EchoHandler()
            } failed: { error, _ in
                failures.append(error.errno)
            }
            try loop.run { failures.count == 20 }
            reconnector.stop()
            #expect(failures.allSatisfy { $0 == .connectionRefused })
        }
    }

    @Test func sameForIPv6() throws {
        try withLoop(.epoll()) { loop in
            guard let listener = try? loop.listen(on: "[::1]:0", handler: { _ in EchoHandler() }) else {
                return  // this machine has no IPv6
            }
            let address = listener.address
            listener.close()
            var error: SocketError?
            try loop.connect(to: address, from: address) { _ in
                Issue.record("it is connected to itself")
                return EchoHandler()
            } failed: {
                error = $0
            }
            try loop.run { error != nil }
            #expect(error?.errno == .connectionRefused)
        }
    }
}
