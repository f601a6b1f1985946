// The datagram echo servers in the simulated world: what comes back does so unchanged, whatever the network loses.

import Demos
import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct DatagramEchoTests {
    @Test(arguments: Backend.all) func echoReturnsTheSameDatagram(_ backend: Backend) throws {
        for seed in 0..<10 as Range<UInt64> {
            let world = try Simulation(seed: seed, faults: .harsh, backend: backend)
            let socket = try world.bindDatagrams(handler: DatagramEcho())
            let peer = world.datagramPeer()
            let sent = (0..<100).map { number in [UInt8](repeating: UInt8(number), count: number * 13) }
            for bytes in sent { peer.send(bytes, to: socket.address) }
            try world.run(for: .seconds(1))
            let isSubset = Set(peer.received.map(\.bytes)).isSubset(of: sent)
            #expect(isSubset && peer.received.count > 30, "seed \(seed): \(peer.received.count)")
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func whatIsTooLongComesBackAsFarAsItWasReceived(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var options = DatagramOptions()
        options.datagramSize = 4
        let socket = try world.bindDatagrams(options: options, handler: DatagramEcho())
        let peer = world.datagramPeer()
        peer.send("truncated", to: socket.address)
        try world.run { peer.received.map(\.text) == ["trun"] }
        try world.check()
    }

    @Test(arguments: Backend.all) func upperCaseChangesLettersAndNothingElse(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let socket = try world.bindDatagrams(handler: UpperCaseDatagramEcho())
        let peer = world.datagramPeer()
        for text in ["hello, wörld 1", ""] { peer.send(text, to: socket.address) }
        try world.run { peer.received.map(\.text) == ["HELLO, WöRLD 1", ""] }
        try world.check()
    }
}
