// Parity of datagrams: the same programs on the simulated kernel and on Linux, and the diaries of both have to be the
// same. Ports differ, and so does what is lost when a buffer is full: a diary has neither.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import Testing

/// A program on the network, on whatever kernel.
protocol ParityPeer: AnyObject {
    var address: SocketAddress { get }
    var texts: [String] { get }
    /// Sends; answers why not.
    @discardableResult func send(_ text: String, to address: SocketAddress) -> Errno?
    func join(_ group: SocketAddress)
    func close()
}

/// A loop on some kernel, and peers.
protocol DatagramWorld: AnyObject {
    var loop: EventLoop { get }
    /// The interface that groups are joined on.
    var interface: NetworkInterface { get }
    func peer(at address: SocketAddress) throws -> any ParityPeer
    /// Runs the loop until a condition holds; throws when it does not in time.
    func run(until condition: () -> Bool) throws
    func end() throws
}

/// Writes down what it is told, without ports.
final class DiaryKeeper: DatagramHandler {
    private(set) var diary: [String] = []
    /// Which address a multicast datagram comes from is a matter of the machine's routes.
    var tellsSources = true
    var onReceived: (String, SocketAddress, DatagramSocket) -> Void = { _, _, _ in }

    // Safe: the bytes are copied while they are lent.
    private func text(_ bytes: RawSpan) -> String {
        String(decoding: unsafe bytes.withUnsafeBytes { unsafe Array($0) }, as: UTF8.self)
    }

    func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        diary.append("received \(text(bytes))" + (tellsSources ? " from \(peer.host)" : ""))
        onReceived(text(bytes), peer, socket)
    }
    func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        diary.append("received \(text(bytes))... from \(peer.host)")
    }
    func drained(_ socket: DatagramSocket) { diary.append("drained") }
    func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) {
        // How many of those to nobody are told hangs on how fast the answers are; and whether by a send or a receive.
        let words = "failed: \(error.errno.map { "\($0)" } ?? "-") \(peer?.host ?? "-")"
        if diary.last != words { diary.append(words) }
    }
    func closed(_ socket: DatagramSocket, error: SocketError?) { diary.append("closed: \(error?.reason ?? "-")") }
}

struct DatagramProgram: Sendable, CustomStringConvertible {
    let description: String
    /// Runs in a world; answers the diaries.
    let body: @Sendable (any DatagramWorld) throws -> [String]

    init(_ name: String, _ body: @escaping @Sendable (any DatagramWorld) throws -> [String]) {
        description = name
        self.body = body
    }

    private static func errno(_ body: () throws(SocketError) -> Void) -> String {
        do throws(SocketError) { try body() } catch { return error.errno.map { "\($0)" } ?? "-" }
        return "fine"
    }

    static let all = [
        DatagramProgram("an echo, with empty and long ones") { world in
            let keeper = DiaryKeeper()
            keeper.onReceived = { text, peer, socket in socket.send(text, to: peer) }
            let socket = try world.loop.bindDatagrams(on: "127.0.0.1:0", handler: keeper)
            let peer = try world.peer(at: .loopback(port: 0))
            for text in ["one", "", String(repeating: "long", count: 300), "two"] {
                peer.send(text, to: socket.address)
            }
            try world.run { peer.texts.count == 4 }
            return keeper.diary + peer.texts
        },
        DatagramProgram("truncation") { world in
            var options = DatagramOptions()
            options.datagramSize = 4
            let keeper = DiaryKeeper()
            let socket = try world.loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: keeper)
            let peer = try world.peer(at: .loopback(port: 0))
            for text in ["1234", "12345", ""] { peer.send(text, to: socket.address) }
            try world.run { keeper.diary.count == 3 }
            return keeper.diary
        },
        DatagramProgram("IPv6") { world in
            let keeper = DiaryKeeper()
            keeper.onReceived = { text, peer, socket in socket.send(text, to: peer) }
            let socket = try world.loop.bindDatagrams(on: "[::]:0", handler: keeper)
            let peer = try world.peer(at: .ipv6(high: 0, low: 1, port: 0))
            peer.send("six", to: .ipv6(high: 0, low: 1, port: socket.address.port))
            try world.run { peer.texts == ["six"] }
            return keeper.diary
        },
        DatagramProgram("a connected socket whose peer is not there, then is") { world in
            let keeper = DiaryKeeper()
            let gone = try world.peer(at: .loopback(port: 0))
            let address = gone.address
            gone.close()
            let socket = try world.loop.connectDatagrams(to: address, handler: keeper)
            socket.send("one")
            try world.run { !keeper.diary.isEmpty }
            let peer = try world.peer(at: address)
            peer.send("here", to: socket.address)
            try world.run { keeper.diary.count == 2 }
            socket.send("two")
            try world.run { !peer.texts.isEmpty }
            return keeper.diary + peer.texts + ["\(socket.statistics.sent)"]
        },
        DatagramProgram("an unconnected socket hears of no refusal") { world in
            let keeper = DiaryKeeper()
            let gone = try world.peer(at: .loopback(port: 0))
            let address = gone.address
            gone.close()
            let peer = try world.peer(at: .loopback(port: 0))
            let socket = try world.loop.bindDatagrams(on: "127.0.0.1:0", handler: keeper)
            socket.send("one", to: address)
            socket.send("two", to: peer.address)
            try world.run { peer.texts == ["two"] }
            peer.send("back", to: socket.address)
            try world.run { !keeper.diary.isEmpty }
            return keeper.diary + ["\(socket.statistics.sent)"]
        },
        DatagramProgram("a connected socket hears its peer only, beside one that hears all") { world in
            let (all, one) = (DiaryKeeper(), DiaryKeeper())
            var options = DatagramOptions()
            options.sharesAddress = true
            let open = try world.loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: all)
            let (peer, stranger) = (try world.peer(at: .loopback(port: 0)), try world.peer(at: .loopback(port: 0)))
            _ = try world.loop.connectDatagrams(to: peer.address, from: open.address, options: options, handler: one)
            stranger.send("stranger", to: open.address)
            peer.send("peer", to: open.address)
            try world.run { all.diary.count + one.diary.count == 2 }
            return all.diary + one.diary
        },
        DatagramProgram("the best fit, and the last one bound") { world in
            let keepers = (0..<3).map { _ in DiaryKeeper() }
            var options = DatagramOptions()
            options.sharesAddress = true
            let any = try world.loop.bindDatagrams(on: "0.0.0.0:0", options: options, handler: keepers[0])
            let exact = SocketAddress.loopback(port: any.address.port)
            let peer = try world.peer(at: .loopback(port: 0))
            _ = try world.loop.bindDatagrams(on: exact, options: options, handler: keepers[1])
            peer.send("1", to: exact)
            try world.run { !keepers[1].diary.isEmpty }
            _ = try world.loop.bindDatagrams(on: exact, options: options, handler: keepers[2])
            peer.send("2", to: exact)
            try world.run { !keepers[2].diary.isEmpty }
            return keepers.flatMap(\.diary)
        },
        DatagramProgram("addresses in use") { world in
            let first = try world.loop.bindDatagrams(on: "127.0.0.1:0", handler: DiaryKeeper())
            var options = DatagramOptions()
            var answers: [String] = []
            for _ in 0..<2 {
                for host in ["127.0.0.1", "0.0.0.0"] {
                    answers.append(
                        errno { () throws(SocketError) in
                            try world.loop.bindDatagrams(
                                on: "\(host):\(first.address.port)", options: options, handler: DiaryKeeper())
                        })
                }
                options.sharesAddress = true  // which the first one did not say
            }
            return answers
        },
        DatagramProgram("broadcast has to be allowed") { world in
            let peer = try world.peer(at: .ipv4(0, 0, 0, 0, port: 0))
            let target = SocketAddress.ipv4(127, 255, 255, 255, port: peer.address.port)
            let keeper = DiaryKeeper()
            let forbidden = try world.loop.bindDatagrams(on: "127.0.0.1:0", handler: keeper)
            forbidden.send("no", to: target)
            try world.run { !keeper.diary.isEmpty }
            var options = DatagramOptions()
            options.allowsBroadcast = true
            let allowed = try world.loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: keeper)
            allowed.send("yes", to: target)
            try world.run { !peer.texts.isEmpty }
            return keeper.diary + peer.texts + ["\(forbidden.statistics.dropped) \(allowed.statistics.sent)"]
        },
        DatagramProgram("groups") { world in
            let group = SocketAddress.ipv4(239, 255, 78, UInt8.random(in: 1...254), port: 0)
            var options = DatagramOptions()
            options.multicastInterface = world.interface
            options.sharesAddress = true
            let keepers = [DiaryKeeper(), DiaryKeeper()]
            for keeper in keepers { keeper.tellsSources = false }
            let member = try world.loop.bindDatagrams(on: "0.0.0.0:0", options: options, handler: keepers[0])
            let other = try world.loop.bindDatagrams(on: member.address, options: options, handler: keepers[1])
            var answers = [errno { () throws(SocketError) in try member.leave(group, on: world.interface) }]
            answers.append(errno { () throws(SocketError) in try member.join(group, on: world.interface) })
            answers.append(errno { () throws(SocketError) in try member.join(group, on: world.interface) })
            var target = group
            target.port = member.address.port
            other.send("one", to: target)
            try world.run { !keepers[0].diary.isEmpty }
            let peer = try world.peer(at: .loopback(port: 0))
            peer.join(group)
            peer.send("two", to: target)
            try world.run { keepers[0].diary.count == 2 }
            answers.append(errno { () throws(SocketError) in try member.leave(group, on: world.interface) })
            peer.send("three", to: target)
            peer.send("direct", to: .loopback(port: target.port))
            try world.run { !keepers[1].diary.isEmpty }
            return answers + keepers.flatMap(\.diary)
        },
        DatagramProgram("a handler answers and closes") { world in
            let keeper = DiaryKeeper()
            keeper.onReceived = { text, peer, socket in
                socket.send("bye", to: peer)
                socket.close()
            }
            let socket = try world.loop.bindDatagrams(on: "127.0.0.1:0", handler: keeper)
            let peer = try world.peer(at: .loopback(port: 0))
            for text in ["1", "2", "3"] { peer.send(text, to: socket.address) }
            try world.run { keeper.diary.last?.hasPrefix("closed") == true && !peer.texts.isEmpty }
            return keeper.diary + peer.texts
        },
    ]
}

@Suite(.timeLimit(.minutes(20))) struct DatagramParityTests {
    @Test(arguments: DatagramProgram.all, Backend.all)
    func bothKernelsShowTheSame(_ program: DatagramProgram, _ backend: Backend) throws {
        let simulated = try diary(of: program, in: SimulatedDatagramWorld(backend))
        let real = try diary(of: program, in: RealDatagramWorld(backend))
        #expect(simulated == real)
    }

    private func diary(of program: DatagramProgram, in world: any DatagramWorld) throws -> [String] {
        defer { world.loop.shutdown() }
        let diary = try program.body(world)
        try world.end()
        return diary
    }
}
