// Datagrams on the simulated kernel: what its network does to them, by default and by its faults, and what the framework
// makes of that on every back end.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulatedDatagramTests {
    @Test(arguments: Backend.all) func anEchoComesBackInOrder(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let socket = try world.bindDatagrams(handler: ScriptedDatagrams())
        let peer = world.datagramPeer()
        let words = (0..<200).map { "\($0)" } + [""]
        for word in words { peer.send(word, to: socket.address) }
        try world.run { peer.received.count == 201 }
        #expect(peer.received.map(\.text) == words && peer.received.allSatisfy { $0.source == socket.address })
        try world.check()
    }

    @Test(arguments: Backend.all) func lossDuplicationAndDisorderAreAsFrequentAsAskedFor(_ backend: Backend) throws {
        var faults = Faults.none
        faults.datagramLoss = 0.1
        faults.datagramDuplication = 0.1
        faults.datagramReordering = 0.3
        faults.delay = 1000...100_000
        let world = try Simulation(seed: 7, faults: faults, backend: backend) { $0.receiveBuffer = 1 << 22 }
        let handler = ScriptedDatagrams { $0.onReceived = { _, _, _ in } }
        let socket = try world.bindDatagrams(handler: handler)
        let peer = world.datagramPeer()
        for number in 0..<2000 {
            world.kernel.after(.microseconds(number * 10)) { peer.send("\(number)", to: socket.address) }
        }
        try world.run(for: .milliseconds(100))
        let different = Set(handler.texts).count
        #expect((1750..<1850).contains(different), "\(different)")
        #expect((130..<230).contains(handler.texts.count - different))
        let numbers = handler.texts.compactMap { Int($0) }
        #expect(zip(numbers, numbers.dropFirst()).count { $0 > $1 } > 100)
        try world.check()
    }

    @Test(arguments: Backend.all) func aFullReceiveBufferLosesWhatComesNext(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var options = DatagramOptions()
        options.receiveBuffer = 10_000
        let handler = ScriptedDatagrams { $0.onReceived = { _, _, _ in } }
        let socket = try world.bindDatagrams(options: options, handler: handler)
        let peer = world.datagramPeer()
        for number in 0..<100 { peer.send("\(number)", to: socket.address) }
        world.kernel.settle(for: .milliseconds(1))
        try world.run(for: .milliseconds(1))
        #expect(handler.texts == (0..<handler.texts.count).map { "\($0)" } && (30..<50).contains(handler.texts.count))
        try world.check()
    }

    @Test(arguments: Backend.all) func aFullSendBufferIsWaitedFor(_ backend: Backend) throws {
        var faults = Faults.none
        faults.delay = 1_000_000...1_000_000
        let world = try Simulation(seed: 1, faults: faults, backend: backend)
        var options = DatagramOptions()
        options.sendBuffer = 3000
        options.queuedDatagrams = 50
        let handler = ScriptedDatagrams()
        let socket = try world.bindDatagrams(options: options, handler: handler)
        let peer = world.datagramPeer()
        var results: [DatagramSendResult: Int] = [:]
        for number in 0..<20 { results[socket.send("\(number)", to: peer.address), default: 0] += 1 }
        try world.run(for: .microseconds(100))
        for number in 20..<70 { results[socket.send("\(number)", to: peer.address), default: 0] += 1 }
        let waiting = socket.queuedDatagrams
        #expect(waiting == 50 && results[.taken] == 20 && results[.dropped]! > 0)
        #expect(results[.pressure]! + results[.dropped]! == 50)
        try world.run { handler.drains == 1 }
        try world.run { peer.received.count == 70 - results[.dropped]! }
        #expect(peer.received.map(\.text) == (0..<peer.received.count).map { "\($0)" })
        #expect(socket.statistics.dropped == results[.dropped])
        try world.check()
    }

    @Test(arguments: Backend.all) func aGroupReachesItsMembersOnly(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        for (text, any) in [("239.1.2.3:99", "0.0.0.0:99"), ("[ff15::1]:99", "[::]:99")] {
            let group = try SocketAddress(text)
            let handlers = (0..<3).map { _ in ScriptedDatagrams { $0.onReceived = { _, _, _ in } } }
            var options = DatagramOptions()
            options.sharesAddress = true
            let sockets = try handlers.map { handler throws(SocketError) in
                try world.bindDatagrams(on: SocketAddress(any), options: options, handler: handler)
            }
            try sockets[0].join(group)
            try sockets[1].join(group)
            let peer = world.datagramPeer(at: try SocketAddress(any))
            peer.join(group)
            sockets[2].send("one", to: group)
            try world.run(for: .milliseconds(1))
            try sockets[1].leave(group)
            peer.send("two", to: group)
            try world.run(for: .milliseconds(1))
            #expect(handlers.map(\.texts) == [["one", "two"], ["one"], []])
            #expect(peer.received.map(\.text) == ["one", "two"])
            for socket in sockets { socket.close() }
            peer.close()
            try world.run(for: .milliseconds(1))
        }
        try world.check()
    }

    @Test(arguments: Backend.all) func aRefusalIsToldToAConnectedSocketAndEndsNothing(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let socket = try world.connectDatagrams(to: .loopback(port: 99), handler: ScriptedDatagrams())
        socket.send("anybody?")
        try world.run { !world.datagramHandlers[0].failures.isEmpty }
        #expect(world.datagramHandlers[0].failures.map(\.errno) == [.connectionRefused])
        let peer = world.datagramPeer(at: .loopback(port: 99))
        peer.send("now", to: socket.address)
        try world.run { peer.received.map(\.text) == ["now"] }
        try world.check()
    }

    @Test(arguments: Backend.all) func aRefusalWhileNothingIsReadDoesNotSpin(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let socket = try world.connectDatagrams(to: .loopback(port: 99), handler: ScriptedDatagrams())
        world.kernel.fail(.receiveDatagrams, with: .noMemory, times: 100)
        for _ in 0..<100 { world.loop.schedule(after: .milliseconds(3)) { socket.send("?") } }
        let before = world.kernel.waits
        try world.run(for: .milliseconds(500))
        #expect(world.kernel.waits - before < 250)
        try world.check()
    }

    @Test(arguments: Backend.all) func anHourOfSilenceCostsNothing(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        try world.bindDatagrams(handler: ScriptedDatagrams())
        let before = world.kernel.waits
        try world.run(for: .seconds(3600))
        #expect(world.kernel.waits - before < 5)
        try world.check()
    }

    @Test func theScriptedKernelPlaysDatagramsToo() throws {
        let kernel = ScriptedKernel([
            .expect(.epollCreate, result: 3), .expect(.eventDescriptor, result: 4), .expect(.socket, result: 5),
            .expect(.bind, 5), .expect(.localAddress, 5), .expect(.epollControl, 4), .expect(.epollControl, 5),
            .wait(.init(5, .readable)), .datagram(5, "hello"), .expect(.sendDatagrams, 5, result: 1),
        ])
        let loop = try EventLoop(kernel: kernel)
        try loop.bindDatagrams(on: "127.0.0.1:7", handler: ScriptedDatagrams())
        try loop.turn()
        try kernel.verify()
        #expect(kernel.sent[5].map { String(decoding: $0, as: UTF8.self) } == "hello")
        kernel.ignored = Set(KernelCall.allCases)
        loop.shutdown()
    }
}
