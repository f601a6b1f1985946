// Connecting by name on real sockets, with the system's resolver and with one of the test's.

import Glibc
import Reactor
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct ConnectByNameTests {
    private struct Answers: NameResolver {
        let addresses: [SocketAddress]

        func addresses(of host: String, port: UInt16) throws(SocketError) -> [SocketAddress] {
            addresses.map { address in
                var address = address
                if address.port == 0 { address.port = port }
                return address
            }
        }
    }

    static let hasIPv6: Bool = {
        guard let loop = try? EventLoop() else { return false }
        defer { loop.shutdown() }
        return (try? loop.listen(on: "[::1]:0") { _ in EchoHandler() }) != nil
    }()

    @Test(arguments: Backend.all) func localhostIsFound(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (address, recorders, _) = try loop.listenRecording()
            let client = Recorder()
            client.onConnected = { $0.write("by name") }
            try loop.connect(to: "localhost:\(address.port)") { _ in
                client
            } failed: {
                Issue.record($0)
            }
            try loop.run { recorders.all.first?.text == "by name" }
        }
    }

    @Test(arguments: Backend.all) func refusedAddressesAreLeftBehind(_ backend: Backend) throws {
        let kernel = CountingKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let (address, recorders, _) = try loop.listenRecording()
            loop.resolver = Answers(addresses: [
                .ipv4(127, 0, 0, 77, port: 0), .ipv4(127, 0, 0, 78, port: 0), address,
            ])
            let client = Recorder()
            try loop.connect(to: "whatever.example:\(address.port)") { _ in
                client
            } failed: {
                Issue.record($0)
            }
            try loop.run { !recorders.all.isEmpty && client.connection != nil }
            #expect(client.connection?.peer == address)
            try loop.run { loop.timerCount >= 0 }
        }
        #expect(kernel.open.isEmpty && kernel.faults.isEmpty)
    }

    @Test func allRefusedIsToldWithEveryAddress() throws {
        try withLoop(.epoll()) { loop in
            let port = try unusedPort()
            loop.resolver = Answers(addresses: [.ipv4(127, 0, 0, 1, port: port), .ipv4(127, 0, 0, 2, port: port)])
            var failure: SocketError?
            try loop.connect(to: "whatever.example:80") { _ in
                EchoHandler()
            } failed: {
                failure = $0
            }
            try loop.run { failure != nil }
            #expect(failure?.attempts.count == 2)
            #expect(failure?.errno == .connectionRefused)
        }
    }

    private func unusedPort() throws -> UInt16 {
        let loop = try EventLoop()
        defer { loop.shutdown() }
        return try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }.address.port
    }

    @Test(.enabled(if: Self.hasIPv6, "this machine has no IPv6 loopback")) func bothFamiliesAreTried() throws {
        try withLoop(.epoll()) { loop in
            let listener = try loop.listen(on: "[::1]:0") { _ in EchoHandler() }
            loop.resolver = Answers(addresses: [
                .ipv4(127, 0, 0, 79, port: 0), .ipv6(high: 0, low: 1, port: 0),
            ])
            let client = Recorder()
            try loop.connect(to: "both.example:\(listener.address.port)") { _ in
                client
            } failed: {
                Issue.record($0)
            }
            try loop.run { client.connection != nil }
            #expect(client.connection?.peer == listener.address)
        }
    }

    @Test func aNameThatCannotBeIsToldLater() throws {
        try withLoop(.epoll()) { loop in
            var failure: SocketError?
            try loop.connect(to: "name\u{0}.invalid:80") { _ in
                EchoHandler()
            } failed: {
                failure = $0
            }
            #expect(failure == nil)
            try loop.run { failure != nil }
            #expect(failure?.description == "cannot resolve name\u{0}.invalid: a name cannot contain a zero byte")
        }
    }

    @Test(arguments: Backend.all) func aLostServerIsComeBackTo(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (address, recorders, _) = try loop.listenRecording()
            var backoff = Backoff()
            backoff.initial = .milliseconds(5)
            let reconnector = try loop.keepConnected(to: "\(address)", backoff: backoff, handler: { _ in Recorder() })
            for number in 1...3 {
                try loop.run { recorders.all.count == number && recorders.all[number - 1].connection != nil }
                recorders.all[number - 1].connection?.abort()
            }
            try loop.run { recorders.all.count == 4 }
            reconnector.stop()
        }
    }
}
