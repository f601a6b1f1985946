// Datagram sockets when the kernel has no room, no memory or bad news, and when handlers do what they like.

import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct DatagramFaultTests {
    /// Not edge-triggered: there Linux has told already that it is writable, and this fault is none of its own. The
    /// simulated kernel has the test for that.
    @Test(arguments: Backend.all.filter { $0 != .epoll(.edgeTriggered) })
    func whatTheKernelHasNoRoomForWaitsWithinLimits(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            var options = DatagramOptions()
            options.queuedDatagrams = 4
            let handler = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: handler)
            let peer = try TestPeer()
            kernel.fail(.sendDatagrams, with: .resourceTemporarilyUnavailable)
            #expect(socket.send("1", to: peer.address) == .taken)
            kernel.fail(.wait, with: .interrupted)  // the turn sends, and sees nothing
            try loop.turn(mayWait: false)
            for text in ["2", "3", "4"] { #expect(socket.send(text, to: peer.address) == .pressure) }
            #expect(socket.send("5", to: peer.address) == .dropped)
            #expect(socket.statistics.dropped == 1)
            try loop.run { socket.queuedDatagrams == 0 }
            #expect(peer.texts == ["1", "2", "3", "4"] && handler.drains == 1)
        }
    }

    @Test(arguments: Backend.all) func whatWaitsAtTheEndIsTriedOnceMore(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let handler = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: handler)
            let peer = try TestPeer()
            kernel.fail(.sendDatagrams, with: .noBufferSpace, times: .max)
            socket.send("1", to: peer.address)
            try loop.turn(mayWait: false)
            #expect(socket.queuedDatagrams == 1)
            socket.close()
            kernel.heal(.sendDatagrams)
            try loop.turn(mayWait: false)
            #expect(peer.texts == ["1"] && handler.ends == 1 && socket.statistics.dropped == 0)
        }
    }

    @Test(arguments: Backend.all) func addressesThatMakeNoSenseAreToldAndHarmNoOther(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let handler = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: handler)
            let peer = try TestPeer()
            let path = try SocketAddress.unix("/tmp/x")
            #expect(socket.send("to a path", to: path) == .dropped)
            socket.send("to nobody")
            socket.send("to port 0", to: .loopback(port: 0))
            socket.send("to another family", to: .ipv6(high: 0, low: 1, port: 9))
            socket.send("fine", to: peer.address)
            try loop.run { peer.texts == ["fine"] && handler.failures.count == 4 }
            let told = handler.failures.map { $0.error.errno! }
            #expect(
                told == [.addressFamilyNotSupported, .addressRequired, .invalidArgument, .addressFamilyNotSupported],
                "\(told)")
            #expect(socket.statistics.dropped == 4 && !socket.isClosed)
        }
    }

    @Test(arguments: Backend.all, [Errno.noBufferSpace, .noMemory])
    func outOfBuffersIsTriedAgainALittleLater(_ backend: Backend, _ errno: Errno) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let handler = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: handler)
            let peer = try TestPeer()
            kernel.fail(.sendDatagrams, with: errno, times: 2)
            socket.send("1", to: peer.address)
            try loop.run { peer.texts == ["1"] }
            #expect(kernel.calls[.sendDatagrams] == 3)
            kernel.fail(.receiveDatagrams, with: errno, times: 2)
            peer.send("2", to: socket.address)
            try loop.run { handler.texts == ["2"] }
            #expect(kernel.waits < 100)
        }
    }

    @Test(arguments: Backend.all) func onlyAMistakeOfOursEndsASocket(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let handler = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: handler)
            let peer = try TestPeer()
            for errno in [Errno.connectionRefused, .noRouteToHost, .messageTooLong, .permissionDenied, .hostIsDown] {
                kernel.fail(.receiveDatagrams, with: errno)
                peer.send("x", to: socket.address)
                let before = handler.received.count
                try loop.run { handler.received.count == before + 1 }
                #expect(handler.failures.last?.error.errno == errno && !socket.isClosed)
            }
            kernel.fail(.receiveDatagrams, with: .badFileDescriptor)
            peer.send("x", to: socket.address)
            try loop.run { handler.ends == 1 }
            #expect(handler.error?.errno == .badFileDescriptor && socket.isClosed)
        }
    }

    @Test(arguments: Backend.all) func aFloodLeavesOthersTheirTurn(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var options = DatagramOptions()
            options.batchSize = 8
            options.datagramsPerTurn = 16
            options.receiveBuffer = 4 << 20
            let flooded = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: flooded)
            let peer = try TestPeer()
            for _ in 0..<100 { peer.send("x", to: socket.address) }
            var most = 0
            var before = 0
            while flooded.received.count < 100 {
                try loop.turn()
                most = max(most, flooded.received.count - before)
                before = flooded.received.count
            }
            #expect(most == 16)
        }
    }

    @Test(arguments: Backend.all) func aHandlerClosesTheSocketInTheMiddleOfABatch(_ backend: Backend) throws {
        let kernel = CountingKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let handler = DatagramRecorder()
            handler.onReceived = { bytes, peer, socket in
                socket.send("bye", to: peer)
                socket.close()
                #expect(socket.send("too late", to: peer) == .closed)
            }
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: handler)
            let peer = try TestPeer()
            for _ in 0..<10 { peer.send("x", to: socket.address) }
            try loop.run { handler.ends == 1 }
            #expect(handler.received.count == 1 && peer.texts == ["bye"])
            socket.close()
            try loop.turn(mayWait: false)
            #expect(handler.ends == 1)
        }
        #expect(kernel.faults.isEmpty && kernel.open.isEmpty)
    }

    @Test(arguments: Backend.all) func aThrowingHandlerLosesNoOtherDatagram(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let handler = DatagramRecorder()
            handler.onReceived = { bytes, _, _ in if bytes == [0x78] { throw TestFailure(word: "x") } }
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: handler)
            let peer = try TestPeer()
            for text in ["a", "x", "b"] { peer.send(text, to: socket.address) }
            try loop.run { handler.received.count == 3 }
            #expect(loop.statistics.handlerErrors == 1 && !socket.isClosed)
        }
    }

    @Test(arguments: Backend.all) func theLoopsEndIsTheSockets(_ backend: Backend) throws {
        let handler = DatagramRecorder()
        let kernel = CountingKernel()
        let loop = try EventLoop(backend: backend, kernel: kernel)
        let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: handler)
        handler.onReceived = { _, _, _ in loop.drain() }
        let peer = try TestPeer()
        peer.send("end", to: socket.address)
        try loop.run()
        #expect(handler.ends == 1 && handler.error == nil && socket.fileDescriptor == nil)
        #expect(kernel.faults.isEmpty && kernel.open.isEmpty)
    }

    @Test func theTraceShowsDatagrams() throws {
        var lines: [String] = []
        try withLoop(.epoll(), kernel: TracingKernel(showsBytes: true) { lines.append($0) }) { loop in
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: EchoDatagrams())
            let peer = try TestPeer()
            peer.send("hello", to: socket.address)
            try loop.run { peer.texts == ["hello"] }
            let addressed = "\(peer.address) 5 bytes \"hello\""
            #expect(lines.contains { $0.contains("recvmmsg(") && $0.hasSuffix("= 1  from " + addressed) })
            #expect(lines.contains { $0.contains("received 1 datagrams") })
            #expect(lines.contains { $0.contains("sendmmsg(") && $0.hasSuffix("= 1  to " + addressed) })
        }
    }

    @Test(arguments: Backend.all) func aSocketThatCannotBeMadeLeaksNothing(_ backend: Backend) throws {
        let kernel = CountingKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let before = kernel.open
            #expect(throws: SocketError.self) {
                try loop.bindDatagrams(on: "203.0.113.1:0", handler: DatagramRecorder())  // not an address of ours
            }
            #expect(kernel.open == before)
        }
    }
}
