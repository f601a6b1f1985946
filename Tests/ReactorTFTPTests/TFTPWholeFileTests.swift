// Whole files or errors: transfers that are cut off, clients with a timeout of their own, and servers with many addresses.

import Reactor
import ReactorTesting
import Testing

@testable import ReactorTFTP

@Suite(.timeLimit(.minutes(20))) struct TFTPWholeFileTests {
    private func plain(_ timeout: Int? = nil) -> TFTPSettings {
        var settings = TFTPSettings()
        (settings.blockSize, settings.windowSize, settings.timeout) = (512, 1, timeout)
        return settings
    }

    // MARK: Sizes

    /// The server's file is shorter than it was when the transfer began: the client gets an error and no file, whether it
    /// has asked for the size or not.
    @Test(arguments: [0, 1, 511, 512, 4096, 9999]) func aFileThatIsCutOffOnTheServerIsAnError(_ length: Int) throws {
        let world = try TFTPWorld()
        world.store.files[[65]] = TFTPWorld.file(10_000)
        world.store.sourceLengths[[65]] = length
        for sharesSize in [true, false] {
            var settings = TFTPSettings()
            settings.sharesSize = sharesSize
            let outcome = try world.get("A", settings)
            try world.run(outcome)
            guard case .refused(let error) = outcome.failure else {
                Issue.record("\(String(describing: outcome.failure))")
                continue
            }
            #expect(error.description.contains("\(length) of 10000 bytes"))
        }
        #expect(world.local.files.isEmpty && world.server.statistics.read == 0 && world.server.statistics.failed == 2)
        try world.check()
    }

    /// It grows: what was announced is sent, and is a whole file.
    @Test func aFileThatGrowsIsSentAsItWasAnnounced() throws {
        let world = try TFTPWorld()
        world.store.files[[65]] = TFTPWorld.file(10_000)
        world.store.sourceLengths[[65]] = 15_000
        let outcome = try world.get("A")
        try world.run(outcome)
        #expect(outcome.failure == nil && world.local.files[[65]] == TFTPWorld.file(10_000))
        try world.check()
    }

    /// The client's own file is cut off while it is put.
    @Test func aFileThatIsCutOffAtTheClientIsNotCommitted() throws {
        let world = try TFTPWorld()
        let outcome = try world.put(TFTPWorld.file(5000), as: "A", announcing: 10_000)
        try world.run(outcome)
        guard case .local(let error) = outcome.failure else {
            Issue.record("\(String(describing: outcome.failure))")
            return
        }
        #expect(error.description.contains("5000 of 10000 bytes") && world.store.files.isEmpty)
        try world.simulation.run { world.server.statistics.failed == 1 }
        try world.check()
    }

    /// Other programs: a client whose data end before, or go on behind, the size that it has announced.
    @Test(arguments: [(700, 701, false), (700, 699, false), (700, 700, true), (1024, 1024, true), (700, 0, true)])
    func aWriteOfAnotherSizeIsNotCommitted(_ length: Int, _ announced: Int, _ isTaken: Bool) throws {
        let world = try TFTPWorld()
        let peer = world.simulation.datagramPeer()
        let bytes = TFTPWorld.file(length)
        peer.onReceived = { [unowned peer] arrival in
            let block = arrival.bytes[1] == 6 ? 0 : Int(arrival.bytes[3])
            guard arrival.bytes[1] != 5, block * 512 <= length else { return }
            let piece = bytes.dropFirst(block * 512).prefix(512)
            peer.send([0, 3, 0, UInt8(block + 1)] + piece, to: arrival.source)
        }
        peer.send([0, 2] + Array("A\0octet\0tsize\0\(announced)\0".utf8), to: world.address)
        try world.simulation.run { world.server.statistics.failed + world.server.statistics.written == 1 }
        #expect(world.store.files[[65]] == (isTaken ? bytes : nil))
        try world.simulation.run { !peer.received.isEmpty && (isTaken || peer.received.last?.bytes[1] == 5) }
        try world.check()
    }

    /// Other programs: a server that says a size and sends fewer bytes, or more.
    @Test(arguments: [(700, 701, "octet"), (700, 699, "octet"), (700, 900, "netascii")])
    func aReadOfAnotherSizeIsAnError(_ length: Int, _ announced: Int, _ mode: String) throws {
        let world = try TFTPWorld()
        let liar = world.simulation.datagramPeer()
        let bytes = [UInt8](repeating: 0x61, count: length)
        liar.onReceived = { [unowned liar] arrival in
            if arrival.bytes[1] == 1 {
                liar.send([0, 6] + Array("tsize\0\(announced)\0".utf8), to: arrival.source)
            } else if arrival.bytes[1] == 4, Int(arrival.bytes[3]) * 512 <= length {
                let block = Int(arrival.bytes[3])
                liar.send([0, 3, 0, UInt8(block + 1)] + bytes.dropFirst(block * 512).prefix(512), to: arrival.source)
            }
        }
        var settings = plain()
        settings.mode = mode == "octet" ? .octet : .netascii
        let outcome = try world.get("A", settings, from: liar.address)
        try world.run(outcome)
        // How long a text is on its way is another matter than how long it is (RFC 2349).
        #expect((outcome.failure == nil) == (mode == "netascii"))
        #expect(world.local.files[[65]] == (mode == "netascii" ? bytes : nil))
        try world.simulation.run(for: .seconds(1))
        #expect(mode == "netascii" || liar.received.last?.bytes.starts(with: [0, 5, 0, 0]) == true)
        try world.check()
    }

    // MARK: Patience

    /// With any timeout that can be agreed on, one packet may be lost, whichever it is, and either way.
    @Test(arguments: [1, 5, 30, 120, 255]) func oneLostPacketEndsNoTransfer(_ timeout: Int) throws {
        let terms = TFTPTerms(timeout: .seconds(timeout))
        for reads in [true, false] {
            for lost in 0..<12 {
                let wire = TransferWire(TFTPWorld.file(2000), terms: terms, reads: reads, patience: .seconds(20))
                var number = 0
                wire.copies = { _, _ in
                    number += 1
                    return number == lost + 1 ? 0 : 1
                }
                wire.run()
                // A client that has the file does not wait for a minute until the server knows it.
                let isOver = wire.sender.state == .finished || reads && wire.receiver.state == .finished
                #expect(isOver && wire.received == TFTPWorld.file(2000), "\(reads) \(lost): \(wire.sender.state)")
            }
        }
    }

    /// What is agreed on is neither doubled nor waited for without bound.
    @Test func patienceGrowsWithTheTimeoutUpToTenMinutes() {
        #expect(RetransmissionTimer().patience(.seconds(20)) == .seconds(20))
        let expected: [(Int, Int)] = [(1, 20), (2, 20), (5, 50), (30, 300), (60, 600), (255, 600)]
        for (timeout, patience) in expected {
            var timer = RetransmissionTimer(agreed: .seconds(timeout))
            #expect(timer.patience(.seconds(20)) == .seconds(patience))
            for _ in 0..<5 { timer.backOff() }
            #expect(timer.current == .seconds(timeout))
        }
    }

    /// As curl does it: blocks of 512 bytes, one at a time, a timeout of 5 s, and one datagram in ten lost.
    @Test(arguments: 0..<26 as Range<UInt64>) func aTenthIsLostAndCurlCompletes(_ seed: UInt64) throws {
        var faults = Faults.none
        faults.datagramLoss = 0.1
        let world = try TFTPWorld(seed: seed, faults: faults)
        world.store.files[[65]] = TFTPWorld.file(150_000)
        var settings = plain(5)
        settings.patience = .seconds(3600)
        let (got, put) = (try world.get("A", settings), try world.put(TFTPWorld.file(50_000), as: "B", settings))
        try world.run(got, put, within: .seconds(7200))
        #expect(got.failure == nil && put.failure == nil, "seed \(seed)")
        #expect(world.local.files[[65]] == TFTPWorld.file(150_000) && world.store.files[[66]]?.count == 50_000)
        try world.simulation.run(within: .seconds(700)) { world.server.transferCount == 0 }
        try world.check()
    }

    /// Requests in others' names that ask for the longest timeout do not keep the server's places for ten minutes.
    @Test func unresponsiveClientsMakeRoom() throws {
        var limits = TFTPLimits()
        (limits.transfers, limits.transfersPerAddress) = (8, 4)
        let world = try TFTPWorld(limits: limits)
        world.store.files[[65]] = TFTPWorld.file(5000)
        let strangers = (0..<8).map { number in
            world.simulation.datagramPeer(at: .ipv4(127, 0, 0, UInt8(2 + number / 4), port: 0))
        }
        for stranger in strangers {
            stranger.send([0, 1] + Array("A\0octet\0timeout\0255\0".utf8), to: world.address)
        }
        try world.simulation.run(for: .seconds(1))
        let early = try world.get("A")
        try world.run(early)
        #expect(early.failure != nil && world.server.transferCount == 8)
        try world.simulation.run(for: .seconds(7))
        let late = try world.get("A", as: "late")
        try world.run(late)
        #expect(late.failure == nil)
        try world.simulation.run { world.server.transferCount == 7 }
        try world.simulation.run(within: .seconds(700)) { world.server.transferCount == 0 }
        try world.check()
    }

    /// The first acknowledgement is lost more often than a server sends into the dark: it still waits for it. A request that
    /// is repeated then begins again.
    @Test(arguments: [true, false]) func aClientThatRepliesLateIsServed(_ acknowledges: Bool) throws {
        let world = try TFTPWorld()
        world.store.files[[65]] = [1, 2, 3]
        let peer = world.simulation.datagramPeer()
        let request = [0, 1] + Array("A\0octet\0timeout\05\0".utf8)
        peer.send(request, to: world.address)
        try world.simulation.run(for: .seconds(40))
        #expect(peer.received.count == 3 && world.server.transferCount == 1)
        if acknowledges {
            peer.send([0, 4, 0, 0], to: peer.received[0].source)
        } else {
            peer.send(request, to: world.address)
            try world.simulation.run { peer.received.count == 4 }
            peer.send([0, 4, 0, 0], to: peer.received[3].source)
        }
        try world.simulation.run { peer.received.last?.bytes == [0, 3, 0, 1, 1, 2, 3] }
        peer.send([0, 4, 0, 1], to: peer.received.last!.source)
        try world.simulation.run { world.server.statistics.read == 1 }
        try world.check()
    }

    // MARK: Addresses

    /// A server with all addresses: a transfer has the one that was asked.
    @Test(arguments: Backend.all) func aTransferHasTheAddressThatWasAsked(_ backend: Backend) throws {
        for (any, asked) in [("0.0.0.0:6969", "127.0.0.2:6969"), ("[::]:6969", "[fe80::7%2]:6969")] {
            let world = try TFTPWorld(backend: backend, on: SocketAddress(any))
            let server = try SocketAddress(asked)
            world.store.files[[65]] = TFTPWorld.file(5000)
            let (got, put) = (try world.get("A", from: server), try world.put([1, 2], as: "B", to: server))
            try world.run(got, put)
            #expect(got.failure == nil && put.failure == nil && world.store.files[[66]] == [1, 2])
            #expect(world.local.files[[65]] == TFTPWorld.file(5000))
            try world.check()
        }
    }

    /// A request in the server's own name begins nothing.
    @Test func theServerMakesNoTransferWithItself() throws {
        let world = try TFTPWorld()
        world.store.files[[65]] = TFTPWorld.file(5000)
        let own = world.simulation.datagramPeer(at: .ipv4(127, 0, 0, 2, port: 6969))
        for packet in [[0, 1] + Array("A\0octet\0".utf8), [0, 4, 0, 1], [0, 9], [UInt8](repeating: 0, count: 3000)] {
            own.send(packet, to: world.address)
        }
        try world.simulation.run(for: .seconds(1))
        #expect(own.received.isEmpty && world.server.transferCount == 0 && world.server.statistics.useless == 4)
        try world.check()
    }

    /// What the system refuses to send is said at once where it stays so.
    @Test func aNetworkThatIsNotThereIsSaidAtOnce() throws {
        let world = try TFTPWorld()
        world.simulation.kernel.fail(.sendDatagrams, with: .networkUnreachable)
        let outcome = try world.get("A")
        try world.run(outcome, within: .seconds(1))
        guard case .unsent(let reason) = outcome.failure else {
            Issue.record("\(String(describing: outcome.failure))")
            return
        }
        #expect(reason.hasPrefix("cannot send to 127.0.0.1:6969: network is unreachable"))
        try world.check()
    }
}
