// The server of a simulated network, as the far end of the program's own connections.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

/// Sends a request, collects what comes back, and keeps the reason of the end.
private final class Link: ConnectionHandler {
    let request: String
    var received: [UInt8] = []
    var reason: CloseReason?
    var text: String { String(decoding: received, as: UTF8.self) }

    init(_ request: String = "PING\r\n") { self.request = request }

    func connected(_ connection: Connection) { connection.write(request) }

    func received(_ bytes: RawSpan, on connection: Connection) {
        // Safe: the bytes are copied while they are lent.
        unsafe bytes.withUnsafeBytes { unsafe received += $0 }
    }

    func closed(_ connection: Connection, reason: CloseReason) { self.reason = reason }
}

@Suite(.timeLimit(.minutes(20))) struct ScriptedServerTests {
    private static let address = SocketAddress.loopback(port: 6379)

    private func connect(_ world: Simulation, _ link: Link, failed: @escaping (SocketError) -> Void = { _ in }) throws {
        try world.loop.connect(to: Self.address, handler: { _ in world.observe(link) }, failed: failed)
    }

    @Test(arguments: Backend.all) func itRepliesAndHalfCloses(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let upstream = world.serve(on: Self.address) { peer in
            peer.onReceived = { peer in
                peer.write("+PONG\r\n")
                peer.closeWrite()
            }
        }
        let link = Link()
        try connect(world, link)
        try world.run { link.reason != nil }
        #expect(link.text == "+PONG\r\n" && link.reason?.kind == .ended)
        #expect(upstream.peers.count == 1 && upstream.peers[0].text == "PING\r\n")
        try world.run { upstream.peers[0].ended }
        try world.check()
    }

    @Test(arguments: Backend.all) func itResetsAndRefuses(_ backend: Backend) throws {
        let world = try Simulation(seed: 2, backend: backend)
        let start = world.now
        let upstream = world.serve(on: Self.address) { peer in peer.after(.seconds(1)) { $0.reset() } }
        let link = Link()
        try connect(world, link)
        try world.run { link.reason != nil }
        #expect((link.reason?.error as? SocketError)?.errno == .connectionReset)
        #expect(world.now >= start.advanced(by: .seconds(1)))
        upstream.stop()
        var refusal: SocketError?
        try connect(world, Link()) { refusal = $0 }
        try world.run { refusal != nil }
        #expect(refusal?.errno == .connectionRefused && !upstream.isListening)
        upstream.start()
        let again = Link()
        try connect(world, again)
        try world.run { upstream.peers.count == 2 && upstream.peers[1].text == "PING\r\n" }
        upstream.crash()
        try world.run { again.reason?.kind == .failed }
        try world.check()
    }

    /// Connections that are never accepted: the kernel's backlog takes one more than it says, and drops the rest.
    @Test func itHangs() throws {
        let world = try Simulation(seed: 3)
        let upstream = world.serve(on: Self.address, backlog: 1)
        upstream.isAccepting = false
        let links = [Link(), Link(), Link()]
        var failures: [SocketError] = []
        for link in links {
            try connect(world, link) { failures.append($0) }
            try world.run(for: .seconds(1))
        }
        try world.run(within: .seconds(300)) { failures.count == 1 }
        #expect(failures[0].errno == .timedOut && upstream.peers.isEmpty)
        upstream.isAccepting = true
        try world.run { upstream.peers.count == 2 && upstream.peers.allSatisfy { $0.text == "PING\r\n" } }
        try world.check()
    }

    /// A server that reads slowly is felt as backpressure, and everything arrives.
    @Test(arguments: Backend.all) func itReadsAtAPace(_ backend: Backend) throws {
        let world = try Simulation(seed: 4, backend: backend)
        let upstream = world.serve(on: Self.address) { peer in
            peer.readSize = 4096
            peer.pace = .milliseconds(10)
        }
        let link = Link(String(repeating: "x", count: 500_000))
        try connect(world, link)
        try world.run { upstream.peers.first?.received.count == 500_000 }
        #expect(upstream.peers[0].arrivals.count > 100)
        #expect(world.loop.statistics.pressurePauses == 1)
        try world.check()
    }

    /// Every fault: what to wait for, as ``Faults/harsh`` says.
    @Test(arguments: Backend.all) func everyFault(_ backend: Backend) throws {
        for seed in 0..<20 as Range<UInt64> {
            let world = try Simulation(seed: seed, faults: .harsh, backend: backend)
            let upstream = world.serve(on: Self.address) { peer in
                peer.onReceived = { $0.write("pong") }
                peer.onEnded = { $0.close() }
            }
            let link = Link()
            var failure: SocketError?
            do { try connect(world, link) { failure = $0 } } catch let error as SocketError { failure = error }
            try world.run(within: .seconds(300)) {
                failure != nil || link.reason != nil || !link.received.isEmpty
                    || upstream.peers.contains { $0.isStalled }
            }
            try world.check()
        }
    }
}
