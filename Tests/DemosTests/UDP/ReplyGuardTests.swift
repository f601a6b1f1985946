// Which answers of a datagram server leave, and from where: loops between servers end, and the address that was asked is
// the one that answers. On the simulated kernel, on every back end.

import Demos
import Reactor
import ReactorTesting
import Testing

/// Calls a closure with each datagram.
private final class Datagrams: DatagramHandler {
    private let onReceived: ([UInt8], SocketAddress, DatagramSocket) -> Void

    init(_ onReceived: @escaping ([UInt8], SocketAddress, DatagramSocket) -> Void) { self.onReceived = onReceived }

    func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        onReceived((0..<bytes.byteCount).map { bytes.byte(at: $0) }, peer, socket)
    }
}

@Suite(.timeLimit(.minutes(20))) struct ReplyGuardTests {
    /// One datagram in the server's own name, or from a port that answers by itself, is received and nothing else.
    @Test(arguments: Backend.all) func noReplyGoesToAnOwnOrAReflectingPort(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let wildcard = SocketAddress.ipv4(0, 0, 0, 0, port: 7788)
        let socket = try world.bindDatagrams(on: wildcard, handler: DatagramEcho())
        // It sends to itself: all of it arrives with an own address as its source, from another one than it is sent to.
        for host in 1...3 as ClosedRange<UInt8> { socket.send("loop", to: .ipv4(127, 0, 0, host, port: 7788)) }
        let reflectors = ([7, 13, 17, 19, 53, 123, 1023] as [UInt16]).map {
            world.datagramPeer(at: .loopback(port: $0))
        }
        for reflector in reflectors {
            reflector.onReceived = { [unowned reflector] in reflector.send($0.bytes, to: $0.source) }
            reflector.send("loop", to: .loopback(port: 7788))
        }
        let client = world.datagramPeer(at: .loopback(port: 1024))
        client.send("hello", to: .loopback(port: 7788))
        try world.run(for: .seconds(1))
        #expect(reflectors.allSatisfy(\.received.isEmpty) && client.received.map(\.text) == ["hello"])
        #expect(socket.statistics.received == 11 && socket.statistics.withheld == 10)
        #expect(socket.statistics.sent == 4)
        try world.check()
    }

    /// Two servers are set on each other by datagrams in each other's name, by every pair of programs, again and again.
    @Test(arguments: [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]) func twoServersDoNotReplyToEachOtherIndefinitely(
        _ one: Int, _ other: Int
    ) throws {
        let clock: @Sendable () -> WallTime = { WallTime(seconds: 1_795_892_850, nanoseconds: 123_000_000) }
        func handler(_ number: Int) -> any DatagramHandler {
            switch number {
            case 0: DatagramEcho()
            case 1: UpperCaseDatagramEcho()
            case 2: TimeDatagramEcho(clock: clock)
            case 3:
                DatagramResponder(
                    prefix: TimeReply.prefix, reply: { TimeReply.words(for: $0, at: clock()) }, arrived: { _, _ in })
            default: DatagramResponder(prefix: PresenceReply.prefix, reply: { _ in "anna" }, arrived: { _, _ in })
            }
        }
        let world = try Simulation(seed: 1)
        var options = DatagramOptions()
        options.datagramSize = 65_535
        func limits(_ number: Int) -> ReplyLimits { number < 3 ? ReplyLimits() : DatagramResponder.replyLimits }
        options.replies = limits(one)
        let first = try world.bindDatagrams(on: .loopback(port: 7001), options: options, handler: handler(one))
        options.datagramSize = one == 3 && other == 3 ? 4 : 65_535
        options.replies = limits(other)
        let second = try world.bindDatagrams(on: .loopback(port: 7002), options: options, handler: handler(other))
        for number in 0..<10 { first.send("set on each other \(number)", to: second.address) }
        try world.run(for: .seconds(2))
        #expect(first.statistics.received <= 1100 && second.statistics.received <= 1100)
        let before = second.statistics.received
        try world.run(for: .seconds(2))
        #expect(second.statistics.received == before, "the loop has ended")
        try world.check()
    }

    /// What a load generator sends is different each time, and is all answered; what repeats an answer is limited.
    @Test func clientsThatDoNotRepeatRepliesAreServedAtAnyRate() throws {
        for (isFresh, answers) in [(true, 20_000...20_000), (false, 1000...1300)] {
            let world = try Simulation(seed: 1) { $0.receiveBuffer = 1 << 24 }
            let socket = try world.bindDatagrams(handler: DatagramEcho())
            let peer = world.datagramPeer()
            var (sent, received) = (0, 0)
            // One in flight; a datagram that is not answered is sent again, as a load generator's is.
            func next() {
                guard sent < 20_000 else { return }
                sent += 1
                peer.send(isFresh ? "a message with the number \(sent)" : "the same message", to: socket.address)
                let number = sent
                world.kernel.after(.milliseconds(1)) { if sent == number && received < number { next() } }
            }
            peer.onReceived = { _ in
                received += 1
                next()
            }
            next()
            try world.run(for: .milliseconds(isFresh ? 3000 : 2000))
            #expect(answers.contains(received), "\(received)")
            try world.check()
        }
    }

    @Test func withoutLimitsEverythingGetsAReply() throws {
        let world = try Simulation(seed: 1)
        var options = DatagramOptions()
        options.replies = .unlimited
        let socket = try world.bindDatagrams(options: options, handler: DatagramEcho())
        let peer = world.datagramPeer(at: .loopback(port: 7))
        for number in 0..<3000 {
            world.kernel.after(.microseconds(number * 10)) { peer.send("same", to: socket.address) }
        }
        try world.run(for: .seconds(1))
        #expect(peer.received.count == 3000 && socket.statistics.withheld == 0)
        try world.check()
    }

    /// A flood from invented addresses takes no memory, and limits at their extremes do not trap.
    @Test(arguments: [Int.min, -1, 0, 1, Int.max]) func everyLimitIsClamped(_ value: Int) throws {
        let world = try Simulation(seed: 1)
        var options = DatagramOptions()
        options.replies.perSecond = value
        options.replies.returnedPerSecond = value
        options.replies.returnedBurst = value
        let socket = try world.bindDatagrams(options: options, handler: DatagramEcho())
        let peers = (0..<50).map { _ in world.datagramPeer() }
        for peer in peers { for _ in 0..<3 { peer.send("same", to: socket.address) } }
        try world.run(for: .milliseconds(500))
        // Two that share an entry share a rate of 1 a second.
        #expect(peers.count { $0.received.count >= 1 } > 40)
        #expect(value < 3 || peers.allSatisfy { $0.received.count == 3 })
        try world.check()
    }

    // MARK: Where answers come from

    @Test(arguments: Backend.all) func aReplyLeavesFromTheAddressThatWasAsked(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        for (any, hosts) in [
            ("0.0.0.0:7788", ["127.0.0.1:7788", "127.0.0.2:7788", "10.1.2.3:7788"]),
            ("[::]:7788", ["[::1]:7788", "[fd00::2]:7788", "[fe80::1%3]:7788"]),
        ] {
            let server = try SocketAddress(any)
            var arrivals: [SocketAddress?] = []
            let handler = Datagrams { bytes, peer, socket in
                arrivals.append(socket.arrivalAddress)
                socket.send(bytes, to: peer)
            }
            let socket = try world.bindDatagrams(on: server, handler: handler)
            let addresses = try hosts.map { text throws(SocketError) in try SocketAddress(text) }
            // Connected peers hear the address that they have asked, and no other.
            let peers = try addresses.map { address in
                var place = try SocketAddress(any)
                place.port = 0
                let peer = world.datagramPeer(at: place)
                peer.connect(to: address)
                peer.send("hello", to: address)
                return peer
            }
            try world.run { peers.allSatisfy { $0.received.count == 1 } }
            #expect(peers.map { $0.received.first?.source } == addresses)
            #expect(arrivals == addresses && socket.arrivalAddress == nil)
            for peer in peers { peer.close() }
            socket.close()
            try world.run(for: .milliseconds(1))
        }
        try world.check()
    }

    /// An answer that comes later than its question, and one whose place in the outbox has moved.
    @Test func aLaterReplyNamesItsAddress() throws {
        let world = try Simulation(seed: 1)
        var options = DatagramOptions()
        options.queuedDatagrams = 8
        options.sendBuffer = 2000
        let handler = Datagrams { bytes, peer, socket in
            let local = socket.arrivalAddress
            socket.loop.schedule(after: .milliseconds(1)) { socket.send(bytes, to: peer, from: local) }
        }
        let socket = try world.bindDatagrams(on: .ipv4(0, 0, 0, 0, port: 7788), options: options, handler: handler)
        let peers = (1..<40 as Range<UInt8>).map { host in
            let peer = world.datagramPeer()
            peer.connect(to: .ipv4(127, 0, 0, host, port: 7788))
            world.kernel.after(.microseconds(Int(host) * 30)) {
                peer.send("host \(host)", to: .ipv4(127, 0, 0, host, port: 7788))
            }
            return peer
        }
        try world.run(for: .milliseconds(100))
        #expect(peers.allSatisfy { $0.received.count == 1 }, "\(socket.statistics)")
        try world.check()
    }

    /// Only a socket that is bound to all addresses asks for them: no other pays for it.
    @Test func onlyAWildcardAsksForTheAddress() throws {
        let world = try Simulation(seed: 1)
        func isAsked(_ socket: DatagramSocket) -> Bool {
            socket.fileDescriptor.flatMap { world.kernel.option(.packetInfo(isIPv6: false), of: $0) } == 1
        }
        let wildcard = try world.bindDatagrams(on: .unspecified, handler: DatagramEcho())
        let bound = try world.bindDatagrams(on: .loopback(port: 0), handler: DatagramEcho())
        let connected = try world.connectDatagrams(to: .loopback(port: 9), handler: DatagramEcho())
        let client = try world.loop.openDatagrams(like: .unspecified, handler: DatagramEcho())
        #expect(isAsked(wildcard) && !isAsked(bound) && !isAsked(connected) && !isAsked(client))
        client.close()
        try world.check()
    }
}
