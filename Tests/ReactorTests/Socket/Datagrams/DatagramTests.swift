// Datagram sockets on Linux and every back end: what arrives, what leaves, and that neither the network nor a peer can
// end one.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct DatagramTests {
    private static let loopback = NetworkInterface(index: unsafe if_nametoindex("lo"))

    @Test(arguments: Backend.all) func everyDatagramComesBackToItsSender(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: EchoDatagrams())
            let peers = try (0..<3).map { _ in try TestPeer() }
            for round in 0..<50 {
                for (number, peer) in peers.enumerated() { peer.send("\(round) of \(number)", to: socket.address) }
            }
            try loop.run { peers.allSatisfy { $0.texts.count == 50 } }
            for (number, peer) in peers.enumerated() {
                #expect(peer.texts == (0..<50).map { "\($0) of \(number)" })
                #expect(peer.received.allSatisfy { $0.source == socket.address })
            }
            #expect(socket.statistics.received == 150 && socket.statistics.sent == 150)
        }
    }

    @Test(arguments: Backend.all) func anAnswerToManyLeavesInOneCall(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: EchoDatagrams())
            let peer = try TestPeer()
            for _ in 0..<40 { peer.send("x", to: socket.address) }
            try loop.run { peer.texts.count == 40 }
            #expect(kernel.calls[.receiveDatagrams] == 1 && kernel.calls[.sendDatagrams] == 1)
        }
    }

    @Test(arguments: Backend.all) func emptyDatagramsAreDeliveredAndSent(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: EchoDatagrams())
            let peer = try TestPeer()
            for text in ["", "x", ""] { peer.send(text, to: socket.address) }
            try loop.run { peer.texts.count == 3 }
            #expect(peer.texts == ["", "x", ""])
        }
    }

    @Test(arguments: Backend.all) func aDatagramLongerThanTheBufferIsToldApart(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var options = DatagramOptions()
            options.datagramSize = 100
            let handler = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: handler)
            let peer = try TestPeer()
            for count in [100, 101, 5000, 7] { peer.send(pattern(count), to: socket.address) }
            try loop.run { socket.statistics.received == 4 }
            #expect(handler.received.map(\.bytes) == [pattern(100), pattern(7)])
            #expect(handler.truncated == [pattern(100), pattern(100)])
            #expect(socket.statistics.truncated == 2)
        }
    }

    @Test(arguments: Backend.all) func theLongestDatagramThereIsArrivesWhole(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var options = DatagramOptions()
            options.datagramSize = 65_535
            options.batchSize = 4
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: EchoDatagrams())
            let peer = try TestPeer()
            #expect(peer.send(pattern(65_507), to: socket.address) == 0)
            try loop.run { !peer.texts.isEmpty }
            let isSame = peer.received[0].bytes == pattern(65_507)
            #expect(isSame)
            #expect(socket.send(pattern(65_508), to: peer.address) == .tooLarge)
            #expect(socket.statistics.dropped == 1)
        }
    }

    /// 65,508 bytes fit an IPv6 datagram, but this one goes over IPv4: only the kernel knows.
    @Test(arguments: Backend.all) func oneThatTheKernelRefusesHarmsNoOther(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let handler = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "[::]:0", handler: handler)
            let peer = try TestPeer()
            let target = SocketAddress.ipv6(high: 0, low: 0xffff_7f00_0001, port: peer.address.port)
            #expect(socket.send("before", to: target) == .taken)
            #expect(socket.send(pattern(65_508), to: target) == .taken)
            #expect(socket.send("after", to: target) == .taken)
            try loop.run { peer.texts.count == 2 }
            #expect(peer.texts == ["before", "after"])
            #expect(handler.failures.map(\.error.errno) == [.messageTooLong] && handler.failures[0].peer == target)
            #expect(socket.statistics.dropped == 1 && !socket.isClosed)
        }
    }

    @Test(arguments: Backend.all) func aPeerThatIsNotThereIsToldAndEndsNothing(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let handler = DatagramRecorder()
            let address = try TestPeer().address  // closed again: nobody is there
            let socket = try loop.connectDatagrams(to: address, handler: handler)
            for _ in 0..<3 { #expect(socket.send("anybody?") == .taken) }
            try loop.run { !handler.failures.isEmpty }
            #expect(handler.failures.allSatisfy { $0.error.errno == .connectionRefused && $0.peer == address })
            #expect(socket.statistics.sent == 3 && socket.statistics.dropped == 0, "\(socket.statistics)")
            let peer = try TestPeer(at: address)
            peer.send("here I am", to: socket.address)
            try loop.run { handler.texts == ["here I am"] }
            socket.send("hello")
            try loop.run { peer.texts.contains("hello") }
        }
    }

    @Test(arguments: Backend.all) func anUnconnectedSocketIsNotToldOfIt(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let handler = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: handler)
            let peer = try TestPeer()
            let nobody = try TestPeer().address
            for _ in 0..<5 {
                socket.send("x", to: nobody)
                socket.send("y", to: peer.address)
            }
            try loop.run { peer.texts.count == 5 }
            #expect(handler.failures.isEmpty && socket.statistics.sent == 10)
        }
    }

    @Test(arguments: Backend.all) func aConnectedSocketHearsItsPeerOnly(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let handler = DatagramRecorder()
            let (peer, stranger) = (try TestPeer(), try TestPeer())
            let socket = try loop.connectDatagrams(to: peer.address, from: .loopback(port: 0), handler: handler)
            #expect(socket.peer == peer.address && socket.address.port != 0)
            stranger.send("stranger", to: socket.address)
            peer.send("peer", to: socket.address)
            try loop.run { !handler.received.isEmpty }
            #expect(handler.texts == ["peer"])
        }
    }

    @Test(arguments: Backend.all) func ipv6Works(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let socket = try loop.bindDatagrams(on: "[::1]:0", handler: EchoDatagrams())
            let peer = try TestPeer(at: .ipv6(high: 0, low: 1, port: 0))
            peer.send("six", to: socket.address)
            try loop.run { peer.texts == ["six"] }
            #expect(peer.received[0].source == socket.address)
        }
    }

    @Test(arguments: Backend.all) func broadcastHasToBeAllowed(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let peer = try TestPeer(at: .ipv4(0, 0, 0, 0, port: 0))
            let target = SocketAddress.ipv4(127, 255, 255, 255, port: peer.address.port)
            let handler = DatagramRecorder()
            let forbidden = try loop.bindDatagrams(on: "127.0.0.1:0", handler: handler)
            forbidden.send("no", to: target)
            try loop.run { !handler.failures.isEmpty }
            #expect(handler.failures[0].error.errno == .permissionDenied)
            var options = DatagramOptions()
            options.allowsBroadcast = true
            let allowed = try loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: DatagramRecorder())
            allowed.send("yes", to: target)
            try loop.run { peer.texts == ["yes"] }
        }
    }

    @Test(arguments: Backend.all) func aGroupIsJoinedAndLeft(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let group = SocketAddress.ipv4(239, 255, 77, UInt8.random(in: 1...254), port: 0)
            var options = DatagramOptions()
            options.multicastInterface = Self.loopback
            options.multicastHops = 1
            options.multicastLoop = true
            let (inside, outside) = (DatagramRecorder(), DatagramRecorder())
            let member = try loop.bindDatagrams(on: "0.0.0.0:0", options: options, handler: inside)
            options.sharesAddress = true
            try member.join(group, on: Self.loopback)
            var target = group
            target.port = member.address.port
            let peer = try TestPeer()
            peer.join(group.host)
            peer.send("one", to: target)
            try loop.run { inside.texts == ["one"] }
            do throws(SocketError) {
                try member.join(group, on: Self.loopback)
                Issue.record("joined twice")
            } catch {
                #expect(error.errno == .addressInUse)
            }
            try member.leave(group, on: Self.loopback)
            peer.send("two", to: target)
            peer.send("direct", to: .loopback(port: target.port))
            try loop.run { inside.texts.last == "direct" }
            #expect(inside.texts == ["one", "direct"])
            // To a group from the framework's own socket.
            let other = try loop.bindDatagrams(on: "0.0.0.0:0", options: options, handler: outside)
            try other.join(group, on: Self.loopback)
            target.port = other.address.port
            member.send("three", to: target)
            try loop.run { outside.texts == ["three"] }
        }
    }

    /// Many machines have no route for IPv6 multicast on their loopback interface: then the kernel says so, and joining is
    /// all that can be seen. The simulated kernel delivers it.
    @Test func aGroupOfIPv6IsJoinedAndLeft() throws {
        try withLoop(.epoll()) { loop in
            var options = DatagramOptions()
            options.multicastInterface = Self.loopback
            let handler = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "[::]:0", options: options, handler: handler)
            var group = try SocketAddress("[ff15::7:77]:0")
            try socket.join(group, on: Self.loopback)
            group.port = socket.address.port
            socket.send("six", to: group)
            try loop.run { handler.texts == ["six"] || handler.failures.first?.error.errno == .networkUnreachable }
            try socket.leave(group, on: Self.loopback)
            do throws(SocketError) {
                try socket.leave(group, on: Self.loopback)
                Issue.record("left twice")
            } catch {
                #expect(error.errno == .addressNotAvailable)
            }
        }
    }

    @Test func badInputIsRefusedWithWords() throws {
        try withLoop(.epoll()) { loop in
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: DatagramRecorder())
            func reason(_ body: () throws(SocketError) -> Void) -> String {
                do throws(SocketError) { try body() } catch { return error.description }
                return "nothing was refused"
            }
            #expect(
                reason { () throws(SocketError) in try socket.join(.loopback(port: 0)) }.contains("not a multicast"))
            #expect(
                reason { () throws(SocketError) in
                    try socket.join(SocketAddress("239.1.1.1:0"), on: NetworkInterface(index: 9999))
                }.contains("239.1.1.1"))
            #expect(
                reason { () throws(SocketError) in _ = try NetworkInterface(named: "no such one") }
                    .contains("no interface"))
            #expect(
                reason { () throws(SocketError) in
                    try loop.bindDatagrams(on: socket.address, handler: DatagramRecorder())
                }.contains("another process is using it"))
            #expect(
                reason { () throws(SocketError) in
                    try loop.bindDatagrams(on: .unix("/tmp/x"), handler: DatagramRecorder())
                }.contains("UDP"))
        }
    }

    @Test(arguments: Backend.all) func twoSocketsShareAPortIfBothSaySo(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var options = DatagramOptions()
            options.sharesPort = true
            let handlers = [DatagramRecorder(), DatagramRecorder()]
            let first = try loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: handlers[0])
            _ = try loop.bindDatagrams(on: first.address, options: options, handler: handlers[1])
            let peers = try (0..<30).map { _ in try TestPeer() }
            for peer in peers { peer.send("x", to: first.address) }
            try loop.run { handlers[0].received.count + handlers[1].received.count == 30 }
            #expect(handlers.allSatisfy { !$0.received.isEmpty })
        }
    }
}
