// The proxy on real sockets: bulk data in both directions at once, on every back end.

import Reactor
import TestSupport
import Testing

@testable import Demos

@Suite(.timeLimit(.minutes(20))) struct ProxyNetworkTests {
    /// Sends a pattern as fast as it is taken, and checks what comes back.
    private final class BulkClient: ConnectionHandler {
        private static let piece = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        private let total: Int
        private var written = 0
        private(set) var received = 0
        private(set) var isRight = true
        private(set) var reason: CloseReason?

        init(_ total: Int) { self.total = total }

        func connected(_ connection: Connection) {
            connection.pressurePolicy = .reportsOnly
            send(connection)
        }

        func drained(_ connection: Connection) { send(connection) }

        private func send(_ connection: Connection) {
            while written < total {
                written += Self.piece.count
                if connection.write(Self.piece) == .pressure { return }
            }
            connection.closeWrite()
        }

        func received(_ bytes: RawSpan, on connection: Connection) {
            for index in stride(from: 0, to: bytes.byteCount, by: 97) {
                if bytes.byte(at: index) != Self.piece[(received + index) & 65_535] { isRight = false }
            }
            received += bytes.byteCount
        }

        func closed(_ connection: Connection, reason: CloseReason) { self.reason = reason }
    }

    /// Two clients, 16 MiB each way each, an echo behind the proxy: neither direction may wait for the other.
    @Test(arguments: Backend.all) func bulkDataInBothDirectionsNeverStalls(_ backend: Backend) throws {
        let loop = try EventLoop(backend: backend)
        defer { loop.shutdown() }
        let total = 16 * 1024 * 1024
        let upstream = try loop.listen(on: "127.0.0.1:0") { _ in Echo() }
        var options = ProxyOptions()
        options.healthInterval = .milliseconds(50)
        let table = UpstreamTable([UpstreamAddress("\(upstream.address)")], options)
        let proxy = ProxyServer(on: loop, table)
        let listener = try loop.listen(on: "127.0.0.1:0") { _ in proxy.session() }
        let checks = HealthChecks(on: loop, table)
        let clients = [BulkClient(total), BulkClient(total)]
        for client in clients {
            try loop.connect(
                to: listener.address, handler: { _ in client }, failed: { Issue.record("\($0)") })
        }
        while !clients.allSatisfy({ $0.reason != nil }) || table.upstreams[0].connections > 0 { try loop.turn() }
        withExtendedLifetime(checks) {}
        for client in clients {
            #expect(client.received == total)
            #expect(client.isRight)
        }
        #expect(table.upstreams[0].bytesIn == 2 * total)
        #expect(table.upstreams[0].bytesOut == 2 * total)
        #expect(table.counts.broken == 0)
    }

    /// A Unix socket as the upstream, with the client's address in a header that our own server reads.
    @Test(arguments: [1, 2]) func aServerBehindTheProxySeesTheClient(_ version: Int) throws {
        let loop = try EventLoop()
        defer { loop.shutdown() }
        let folder = TemporaryFolder()
        var server = TCPServer(on: try .unix(folder.path + "/s"))
        server.proxyProtocol = ProxyProtocol(trusting: [])
        let peers = ReportedLines()
        let listening = try server.listen(on: loop) { _ in
            { connection in
                peers.add("\(connection.peer)")
                return Echo()
            }
        }
        var options = ProxyOptions()
        options.healthInterval = nil
        options.proxyHeader = version
        let table = UpstreamTable([UpstreamAddress("unix:\(folder.path)/s")], options)
        let proxy = ProxyServer(on: loop, table)
        let listener = try loop.listen(on: "127.0.0.1:0") { _ in proxy.session() }
        let client = BulkClient(65_536)
        var local: SocketAddress?
        try loop.connect(
            to: listener.address,
            handler: { connection in
                local = connection.local
                return client
            }, failed: { Issue.record("\($0)") })
        while client.reason == nil { try loop.turn() }
        #expect(client.received == 65_536)
        #expect(peers.all == [try #require(local).description])
        withExtendedLifetime(listening) {}
    }
}
