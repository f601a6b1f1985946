// The TFTP server and client on the simulated network: what it loses, those who lie, and those who go away.

import Reactor
import ReactorTesting
import ServedFiles
import SystemPackage
import Testing

@testable import ReactorTFTP

@Suite(.timeLimit(.minutes(20))) struct TFTPServerTests {
    private static var lossy: Faults {
        var faults = Faults.mild
        faults.datagramLoss = 0.1
        faults.datagramDuplication = 0.05
        faults.datagramReordering = 0.05
        return faults
    }

    private func plain() -> TFTPSettings {
        var settings = TFTPSettings()
        (settings.blockSize, settings.windowSize, settings.sharesSize) = (512, 1, false)
        return settings
    }

    @Test(arguments: Backend.all) func everySizeGoesBothWays(_ backend: Backend) throws {
        let world = try TFTPWorld(backend: backend)
        for size in [0, 1, 511, 512, 513, 1024, 1428, 10_000] {
            for (index, settings) in [TFTPSettings(), plain()].enumerated() {
                let name = "\(size)-\(index)"
                world.store.files[Array(name.utf8)] = TFTPWorld.file(size)
                try world.run(
                    try world.get(name, settings), try world.put(TFTPWorld.file(size), as: "put-" + name, settings))
                #expect(world.local.files[Array(name.utf8)] == TFTPWorld.file(size))
                #expect(world.store.files[Array("put-\(name)".utf8)] == TFTPWorld.file(size))
            }
        }
        // The client has all before the server knows it.
        try world.simulation.run { world.server.transferCount == 0 }
        #expect(world.server.statistics.read == 16 && world.server.statistics.written == 16)
        try world.check()
    }

    /// A tenth of all datagrams is lost, some come twice or late, and calls fail.
    @Test(arguments: 0..<4 as Range<UInt64>) func aTenthIsLostAndAllArrives(_ seed: UInt64) throws {
        let world = try TFTPWorld(seed: seed, faults: Self.lossy)
        for (index, settings) in [TFTPSettings(), plain()].enumerated() {
            let bytes = TFTPWorld.file(60_000)
            world.store.files[[UInt8(index + 65)]] = bytes
            let name = String(UnicodeScalar(UInt8(index + 65)))
            let outcomes = (try world.get(name, settings), try world.put(bytes, as: "put" + name, settings))
            try world.run(outcomes.0, outcomes.1)
            #expect(outcomes.0.failure == nil && outcomes.1.failure == nil, "seed \(seed)")
            #expect(world.local.files[Array(name.utf8)] == bytes)
            #expect(world.store.files[Array("put\(name)".utf8)] == bytes)
        }
        try world.check()
    }

    @Test func moreThan32MiBArriveThoughATenthIsLost() throws {
        let world = try TFTPWorld(seed: 3, faults: Self.lossy)
        var settings = TFTPSettings()
        (settings.blockSize, settings.windowSize) = (32_768, 8)
        let bytes = TFTPWorld.file(33 << 20)
        world.store.files[[65]] = bytes
        let outcome = try world.get("A", settings)
        try world.run(outcome)
        let isSame = world.local.files[[65]] == bytes
        #expect(isSame && outcome.failure == nil)
        try world.check()
    }

    @Test func textIsConverted() throws {
        let world = try TFTPWorld()
        var settings = plain()
        settings.mode = .netascii
        // A CR at the end of the first block, whose zero byte is in the second.
        let text = [UInt8](repeating: 0x61, count: 511) + Array("\r\nb\rc\n".utf8)
        world.store.files[Array("text".utf8)] = text
        try world.run(try world.get("text", settings), try world.put(text, as: "copy", settings))
        #expect(world.local.files[Array("text".utf8)] == text && world.store.files[Array("copy".utf8)] == text)
        // As it is on its way.
        settings.mode = .octet
        let peer = world.simulation.datagramPeer()
        peer.send([0, 1] + Array("text\0netascii\0".utf8), to: world.address)
        try world.simulation.run { peer.received.count == 1 }
        #expect(peer.received[0].bytes.suffix(1) == [13] && peer.received[0].bytes.count == 516)
        try world.check()
    }

    @Test func errorsAreTold() throws {
        let world = try TFTPWorld()
        world.store.files[Array("there".utf8)] = [1]
        let missing = try world.get("missing")
        let there = try world.put([2], as: "there")
        try world.run(missing, there)
        #expect(missing.failure == .refused(TFTPError(FileAccessError(.notFound))))
        #expect(there.failure == .refused(TFTPError(FileAccessError(.exists))))
        world.store.isWritable = false
        let readOnly = try world.put([2], as: "new")
        try world.run(readOnly)
        #expect(readOnly.failure == .refused(TFTPError(FileAccessError(.notPermitted))))
        #expect(world.local.files.keys.sorted { $0.count < $1.count } == [[0]], "nothing was kept")
        try world.check()
    }

    @Test func aFullDiskIsToldAndNothingIsKept() throws {
        let world = try TFTPWorld()
        world.store.space = 100_000
        let outcome = try world.put(TFTPWorld.file(300_000), as: "large")
        try world.run(outcome)
        #expect(outcome.failure == .refused(TFTPError(FileAccessError(.noSpace))))
        #expect(world.store.files.isEmpty && world.server.statistics.failed == 1)
        // One that fits is taken.
        let small = try world.put([1], as: "small")
        try world.run(small)
        #expect(small.failure == nil)
        try world.check()
    }

    @Test func aFileThatIsTooLargeIsRefusedBeforeAndWhileItArrives() throws {
        var limits = TFTPLimits()
        limits.fileSize = 10_000
        let world = try TFTPWorld(limits: limits)
        var silent = TFTPSettings()
        silent.sharesSize = false
        let (told, untold) = (
            try world.put(TFTPWorld.file(20_000), as: "a"), try world.put(TFTPWorld.file(20_000), as: "b", silent)
        )
        try world.run(told, untold)
        for outcome in [told, untold] {
            guard case .refused(let error) = outcome.failure else {
                Issue.record("\(String(describing: outcome.failure))")
                continue
            }
            #expect(error.code == .diskFull)
        }
        #expect(world.store.files.isEmpty)
        try world.check()
    }

    /// Another port than the transfer's: told so with error 5, and the transfer goes on.
    @Test func strangersAreToldAndChangeNothing() throws {
        let world = try TFTPWorld()
        world.store.files[[65]] = TFTPWorld.file(2000)
        let (peer, stranger) = (world.simulation.datagramPeer(), world.simulation.datagramPeer())
        peer.send([0, 1] + Array("A\0octet\0".utf8), to: world.address)
        try world.simulation.run { peer.received.count == 1 }
        let port = peer.received[0].source
        #expect(port != world.address, "a transfer has a port of its own")
        for _ in 0..<50 { stranger.send([0, 4, 0, 1], to: port) }
        stranger.send([0, 5, 0, 0, 0], to: port)
        try world.simulation.run(for: .milliseconds(100))
        #expect(stranger.received.allSatisfy { $0.bytes.starts(with: [0, 5, 0, 5]) })
        #expect(stranger.received.count == 8, "a few are answered, and the rest is silence")
        peer.onReceived = { [unowned peer] in peer.send([0, 4] + $0.bytes[2...3], to: port) }
        peer.send([0, 4, 0, 1], to: port)
        try world.simulation.run { world.server.statistics.read == 1 }
        #expect(peer.received.count == 4)
        try world.check()
    }

    /// A request that comes twice is one transfer; a new one from the same port ends the former.
    @Test func aRequestThatComesTwiceIsOne() throws {
        let world = try TFTPWorld()
        for name in 65...66 as ClosedRange<UInt8> { world.store.files[[name]] = TFTPWorld.file(2000) }
        let peer = world.simulation.datagramPeer()
        for name in ["A", "A", "A", "B"] { peer.send([0, 1] + Array("\(name)\0octet\0".utf8), to: world.address) }
        try world.simulation.run(for: .milliseconds(500))
        #expect(world.server.transferCount == 1)
        #expect(Set(peer.received.map(\.source)).count <= 2)
        try world.check()
    }

    @Test func malformedPacketsAreAnsweredOnceAndEndOnlyTheirTransfer() throws {
        let world = try TFTPWorld()
        world.store.files[[65]] = TFTPWorld.file(5000)
        let peer = world.simulation.datagramPeer()
        let wrong: [[UInt8]] = [
            [], [0], [0, 9], [0, 1], [0, 1, 65, 0], [0, 1] + Array("A\0mail\0".utf8), [0, 3, 0, 1], [0, 4, 0, 1],
            [0, 1] + [UInt8](repeating: 65, count: 3000), [0, 2] + Array("\0octet\0".utf8),
        ]
        for bytes in wrong { peer.send(bytes, to: world.address) }
        peer.send([0, 5, 0, 1, 0], to: world.address)
        try world.simulation.run(for: .seconds(1))
        #expect(peer.received.count == wrong.count && peer.received.allSatisfy { $0.bytes.starts(with: [0, 5, 0]) })
        #expect(world.server.transferCount == 0)
        // In a transfer.
        let other = try world.get("A")
        peer.send([0, 1] + Array("A\0octet\0".utf8), to: world.address)
        try world.simulation.run { peer.received.count > wrong.count }
        let port = peer.received[wrong.count].source
        peer.send([0, 77], to: port)
        try world.run(other)
        #expect(other.failure == nil)
        try world.simulation.run { world.server.statistics.failed == 1 }
        #expect(peer.received.last?.bytes.starts(with: [0, 5, 0, 4]) == true)
        try world.check()
    }

    /// Whoever sends a request in another's name makes the server send three datagrams, and no more.
    @Test func theServerSendsThreeDatagramsIntoTheDark() throws {
        let world = try TFTPWorld()
        world.store.files[[65]] = TFTPWorld.file(500_000)
        for options in ["", "blksize\01428\0windowsize\064\0"] {
            let peer = world.simulation.datagramPeer()
            peer.send([0, 1] + Array("A\0octet\0\(options)".utf8), to: world.address)
            try world.simulation.run(for: .seconds(60))
            #expect(peer.received.count == 3)
        }
        #expect(world.server.transferCount == 0 && world.server.statistics.failed == 2)
        try world.check()
    }

    @Test func aPeerThatVanishesIsGivenUp() throws {
        let world = try TFTPWorld()
        world.store.files[[65]] = TFTPWorld.file(500_000)
        let reader = world.simulation.datagramPeer()
        reader.send([0, 1] + Array("A\0octet\0".utf8), to: world.address)
        try world.simulation.run { reader.received.count == 1 }
        reader.send([0, 4, 0, 1], to: reader.received[0].source)
        let writer = world.simulation.datagramPeer()
        writer.send([0, 2] + Array("B\0octet\0".utf8), to: world.address)
        try world.simulation.run { writer.received.count == 1 }
        writer.send([0, 3, 0, 1] + [UInt8](repeating: 1, count: 512), to: writer.received[0].source)
        try world.simulation.run(for: .seconds(10))
        #expect(world.server.transferCount == 2)
        try world.simulation.run(within: .seconds(30)) { world.server.transferCount == 0 }
        #expect(world.server.statistics.failed == 2 && world.store.files.count == 1)
        #expect(world.reports.allSatisfy { $0.failure?.description.hasPrefix("no reply for 20") == true })
        try world.check()
    }

    @Test func transfersAreLimitedInAllAndForAnAddress() throws {
        var limits = TFTPLimits()
        (limits.transfers, limits.transfersPerAddress) = (3, 2)
        let world = try TFTPWorld(limits: limits)
        world.store.files[[65]] = TFTPWorld.file(5000)
        func ask(_ address: SocketAddress) -> SimulatedDatagramPeer {
            let peer = world.simulation.datagramPeer(at: address)
            peer.send([0, 1] + Array("A\0octet\0".utf8), to: world.address)
            return peer
        }
        let same = (0..<3).map { _ in ask(.ipv4(127, 0, 0, 1, port: 0)) }
        let others = (2..<5 as Range<UInt8>).map { ask(.ipv4(127, 0, 0, $0, port: 0)) }
        try world.simulation.run(for: .milliseconds(100))
        #expect(world.server.transferCount == 3 && world.server.statistics.refused == 3)
        let answers = (same + others).map { $0.received.first?.bytes.starts(with: [0, 3, 0, 1]) == true }
        #expect(answers == [true, true, false, true, false, false])
        try world.simulation.run(for: .seconds(30))
        #expect(world.server.transferCount == 0)
        let again = ask(.loopback(port: 0))
        try world.simulation.run { again.received.count == 1 }
        #expect(again.received[0].bytes.starts(with: [0, 3, 0, 1]), "room is free again")
        try world.check()
    }

    /// Files that were written one after the other do not keep their address from writing more.
    @Test func lingeringTransfersDoNotCount() throws {
        var limits = TFTPLimits()
        (limits.transfers, limits.transfersPerAddress) = (4, 1)
        let world = try TFTPWorld(limits: limits)
        for number in 0..<20 {
            let outcome = try world.put([UInt8(number)], as: "f\(number)")
            try world.run(outcome)
            #expect(outcome.failure == nil, "\(number)")
        }
        #expect(world.store.files.count == 20)
        try world.check()
    }

    @Test func transfersEndBeforeTheServerDoes() throws {
        let world = try TFTPWorld()
        world.store.files[[65]] = TFTPWorld.file(500_000)
        let outcome = try world.get("A", plain())
        try world.simulation.run { world.server.transferCount == 1 }
        var isDrained = false
        world.server.drain(within: .seconds(60)) { isDrained = true }
        let late = world.simulation.datagramPeer()
        try world.run(outcome)
        #expect(outcome.failure == nil)
        late.send([0, 1] + Array("A\0octet\0".utf8), to: world.address)
        try world.simulation.run { isDrained }
        #expect(late.received.isEmpty && world.local.files[[65]] == TFTPWorld.file(500_000))
        try world.check()
    }

    @Test func whatIsNotOverInTimeIsEndedWithAWord() throws {
        let world = try TFTPWorld()
        world.store.files[[65]] = TFTPWorld.file(5000)
        let peer = world.simulation.datagramPeer()
        peer.send([0, 1] + Array("A\0octet\0".utf8), to: world.address)
        try world.simulation.run { peer.received.count == 1 }
        var isDrained = false
        world.server.drain(within: .milliseconds(100)) { isDrained = true }
        try world.simulation.run { isDrained && peer.received.count == 2 }
        #expect(peer.received[1].bytes.starts(with: [0, 5, 0, 0]))
        try world.check()
    }

    @Test func aServerThatIsNotThereIsGivenUpAndOneThatLiesIsTold() throws {
        let world = try TFTPWorld()
        var settings = TFTPSettings()
        settings.patience = .seconds(3)
        let liar = world.simulation.datagramPeer(at: .loopback(port: 7000))
        let outcome = TransferOutcome()
        outcome.client = try TFTPClient.get(
            [65], from: liar.address, into: try world.local.sink([65]), settings, on: world.simulation.loop,
            ended: outcome.end)
        try world.simulation.run { liar.received.count == 1 }
        #expect(liar.received[0].bytes.starts(with: [0, 1, 65, 0]))
        // A block size larger than was asked for.
        liar.send([0, 6] + Array("blksize\09000\0".utf8), to: liar.received[0].source)
        try world.run(outcome)
        guard case .ended(let error) = outcome.failure else {
            Issue.record("\(String(describing: outcome.failure))")
            return
        }
        #expect(error.code == .optionsRefused)
        try world.simulation.run { liar.received.last?.bytes.starts(with: [0, 5, 0, 8]) == true }
        let silent = TransferOutcome()
        silent.client = try TFTPClient.get(
            [65], from: .loopback(port: 7001), into: try world.local.sink([65]), settings, on: world.simulation.loop,
            ended: silent.end)
        try world.run(silent)
        #expect(silent.failure?.description == "no reply for 3 s")
        try world.check()
    }
}
