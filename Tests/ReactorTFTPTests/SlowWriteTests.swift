// Clients that write a file a block now and then: none keeps its place, and its file, indefinitely.

import Reactor
import ReactorTesting
import Testing

@testable import ReactorTFTP

@Suite(.timeLimit(.minutes(20))) struct SlowWriteTests {
    /// Writes blocks of a file, one each `pause`, until the server says an error.
    ///
    /// - Returns: When the error came, and what it says.
    private static func write(_ blockSize: Int, each pause: Duration, blocks: UInt16, _ world: TFTPWorld) throws
        -> (Duration, String)?
    {
        let peer = world.simulation.datagramPeer()
        let begin = world.simulation.now
        peer.send(
            Array("\0\u{2}slow\0octet\0blksize\0\(blockSize)\0".utf8), to: world.address)
        try world.simulation.run { !peer.received.isEmpty }
        let transfer = peer.received[0].source
        for block in 1...blocks {
            if let error = peer.received.first(where: { $0.bytes[1] == 5 }) {
                return (
                    begin.duration(to: error.time), String(decoding: error.bytes.dropFirst(4).dropLast(), as: UTF8.self)
                )
            }
            let header = [0, 3, UInt8(block >> 8), UInt8(block & 255)]
            peer.send(header + [UInt8](repeating: 65, count: blockSize), to: transfer)
            try world.simulation.run(for: pause)
        }
        peer.send([0, 3, UInt8((blocks + 1) >> 8), UInt8((blocks + 1) & 255)], to: transfer)
        try world.simulation.run(for: .seconds(10))
        return nil
    }

    @Test(arguments: Backend.all) func aWriteThatDripsInIsEnded(_ backend: Backend) throws {
        let world = try TFTPWorld(backend: backend)
        let (time, text) = try #require(try Self.write(8, each: .seconds(10), blocks: 20, world))
        #expect(time >= .seconds(30) && time < .seconds(32), "\(time)")
        #expect(text == "this transfer is too slow")
        try world.simulation.run { world.server.transferCount == 0 }
        #expect(world.store.files.isEmpty)
        try world.check()
    }

    @Test func aWriteThatKeepsTheRateMayTakeLong() throws {
        let world = try TFTPWorld()
        let error = try Self.write(512, each: .seconds(8), blocks: 30, world)
        #expect(error == nil && world.store.files[Array("slow".utf8)]?.count == 512 * 30)
        try world.simulation.run { world.server.transferCount == 0 }
        try world.check()
    }
}
