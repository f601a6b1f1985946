// Relays over real sockets: much in both directions at once, on every back end.

import Glibc
import Reactor
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct RelayTests {
    private static let amount = 16 << 20

    /// A listener that relays each connection to `back`.
    private func relaying(
        _ loop: EventLoop, on front: SocketAddress, to back: SocketAddress, _ completed: @escaping (RelayResult) -> Void
    ) throws -> SocketAddress {
        try loop.listen(on: front) { client in
            client.pauseReading()
            try loop.connect(
                to: back,
                handler: { _ in Scripted { $0.onConnected = { client.relay(to: $0, completed: completed) } } },
                failed: { _ in client.abort() })
            return Scripted()
        }.address
    }

    private func exchange(_ loop: EventLoop, _ front: SocketAddress, _ result: () -> RelayResult?) throws {
        let client = try TestClient(front, receiveBuffer: 32 * 1024)
        client.keepsBytes = false
        var (sent, received, isSame) = (0, 0, true)
        try loop.run(within: .seconds(120)) {
            while sent < Self.amount {
                let count = client.send(pattern(min(65_536, Self.amount - sent), from: sent))
                if count <= 0 { break }
                sent += count
                if sent == Self.amount { client.finish() }
            }
            if case .bytes(let bytes) = client.receive(40_000) {
                isSame = isSame && bytes == pattern(bytes.count, from: received)
                received += bytes.count
            }
            return client.ending != nil
        }
        #expect(client.ending == .end && received == Self.amount && isSame)
        try loop.run { result() != nil }
        #expect(result()?.isComplete == true)
        #expect(result()?.bytesForwarded == Self.amount && result()?.bytesReturned == Self.amount)
    }

    @Test(arguments: Backend.all) func sixteenMegabytesBothWays(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var result: RelayResult?
            let back = try loop.listen(on: .loopback(port: 0)) { _ in EchoHandler() }.address
            let front = try relaying(loop, on: .loopback(port: 0), to: back) { result = $0 }
            try exchange(loop, front) { result }
        }
    }

    @Test(arguments: Backend.all) func throughAUnixSocket(_ backend: Backend) throws {
        let folder = TemporaryFolder()
        try withLoop(backend) { loop in
            var result: RelayResult?
            let path = try SocketAddress("unix:\(folder.path)/s")
            try loop.listen(on: path) { _ in EchoHandler() }
            let front = try relaying(loop, on: .loopback(port: 0), to: path) { result = $0 }
            try exchange(loop, front) { result }
        }
    }

    @Test(arguments: Backend.all) func aResetReachesTheOtherSide(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var result: RelayResult?
            let (address, recorders, _) = try loop.listenRecording()
            let front = try relaying(loop, on: .loopback(port: 0), to: address) { result = $0 }
            let client = try TestClient(front)
            client.send("half")
            try loop.run { recorders.all.first?.text == "half" }
            client.reset()
            try loop.run { result != nil && recorders.all[0].isClosed }
            #expect(result?.cause.kind == .failed && result?.isComplete == false)
            #expect(recorders.all[0].reason?.kind == .failed)
        }
    }

    /// In the steady state a relay's output memory comes from the loop's spare queues.
    @Test func spareQueuesAreReusedAndBounded() throws {
        try withLoop(.epoll()) { loop in
            let (address, recorders, _) = try loop.listenRecording { $0.keepsBytes = false }
            var clients: [TestClient] = []
            for _ in 0..<8 { clients.append(try TestClient(address, receiveBuffer: 4096)) }
            try loop.run { recorders.all.count == 8 }
            loop.execute { for recorder in recorders.all { recorder.connection!.write(pattern(2 << 20)) } }
            try loop.run { recorders.all.contains { ($0.connection?.queuedBytes ?? 0) > 0 } }
            #expect(loop.spareOutputBytes <= 4 << 20)
            for client in clients { client.reset() }
            try loop.run { recorders.all.allSatisfy(\.isClosed) }
            #expect(loop.spareOutputBytes <= 4 << 20)
        }
    }
}
