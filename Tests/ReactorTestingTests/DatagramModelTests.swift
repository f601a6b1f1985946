// Random datagram programs against a ledger: every datagram that arrives was sent to there, by whom it says, is intact,
// and arrives no more often than the network repeats it; and every one that was given to a socket is accounted for.
// REACTOR_SEEDS runs more of them, REACTOR_FIRST_SEED begins elsewhere.

import Glibc
import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct DatagramModelTests {
    private static func number(_ name: String, or other: UInt64) -> UInt64 {
        guard let text = unsafe getenv(name) else { return other }
        return UInt64(unsafe String(cString: text)) ?? other
    }

    @Test(arguments: Backend.all) func randomProgramsKeepToTheLedger(_ backend: Backend) throws {
        let first = Self.number("REACTOR_FIRST_SEED", or: 1)
        let count = Self.number("REACTOR_SEEDS", or: 500) / UInt64(Backend.all.count)
        var failures = 0
        for seed in first..<first + count where failures < 3 {
            do {
                try RandomDatagrams(seed: seed).run(on: backend)
            } catch {
                failures += 1
                Issue.record("\(error)")
            }
        }
    }

    @Test(arguments: Backend.all) func aProgramIsTheSameEveryTime(_ backend: Backend) throws {
        for seed in 1...5 as ClosedRange<UInt64> {
            let first = try RandomDatagrams(seed: seed).run(on: backend)
            let second = try RandomDatagrams(seed: seed).run(on: backend)
            #expect(first == second, "seed \(seed)")
        }
    }
}

/// A program made at random from a seed.
private final class RandomDatagrams {
    /// A datagram that somebody sent. Its number is in its bytes, if it has room for it.
    private struct Entry {
        let source: SocketAddress
        let target: SocketAddress
        let bytes: [UInt8]
        var arrivals: [SocketAddress: Int] = [:]
    }

    /// A socket of the loop, and what was asked of it.
    private final class Member: DatagramHandler {
        unowned let program: RandomDatagrams
        var socket: DatagramSocket?
        var asked = 0
        var random: SeededGenerator

        init(_ program: RandomDatagrams, seed: UInt64) {
            self.program = program
            random = SeededGenerator(seed: seed)
        }

        // Safe: the bytes are copied while they are lent.
        private func copy(_ bytes: RawSpan) -> [UInt8] { unsafe bytes.withUnsafeBytes { unsafe Array($0) } }

        func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) throws {
            program.arrived(copy(bytes), from: peer, at: socket.address, cutAt: nil)
            // Fewer than one answer each, or there would be no end of them.
            switch random.below(20) {
            case 0...9: program.send(by: self, to: peer)
            case 10: for _ in 0..<random.below(10) { program.send(by: self, to: peer) }
            case 11: program.sendAnywhere(by: self)
            case 12 where random.chance(0.1): socket.close()
            case 13: throw Unexpected(what: "nothing: handlers may throw")
            default: break
            }
        }

        func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
            program.arrived(copy(bytes), from: peer, at: socket.address, cutAt: bytes.byteCount)
        }

        func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) {
            if random.chance(0.2) { program.sendAnywhere(by: self) }
        }
    }

    private let seed: UInt64
    private var random: SeededGenerator
    private var ledger: [Entry] = []
    private var members: [Member] = []
    private var peers: [SimulatedDatagramPeer] = []
    private var faults = Faults.none
    private var violations: [String] = []
    private var isSettling = false
    private let group = SocketAddress.ipv4(239, 0, 0, 7, port: 7000)

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed ^ 0x4447_5241)
    }

    @discardableResult
    func run(on backend: Backend) throws -> UInt64 {
        faults = random.pick([.none, .mild, .harsh])
        let world = try Simulation(seed: seed, faults: faults, backend: backend, traceLength: 60) { kernel in
            kernel.sendBuffer = random.pick([600, 5000, 65_536])
            kernel.receiveBuffer = random.pick([600, 5000, 65_536])
        }
        for _ in 0..<random.number(in: 1...3) { try addMember(world) }
        for number in 0..<random.number(in: 1...4) {
            let peer = world.datagramPeer(at: number == 0 ? .ipv4(0, 0, 0, 0, port: 7000) : .loopback(port: 0))
            if random.chance(0.5) { peer.join(group) }
            peer.onReceived = { [unowned self, unowned peer] in
                arrived($0.bytes, from: $0.source, at: peer.address, cutAt: nil)
            }
            peers.append(peer)
        }
        for _ in 0..<random.number(in: 1...60) {
            let time = Duration.microseconds(random.number(in: 0...20_000))
            // A peer acts while the program waits, the program in a turn of its own.
            if random.chance(0.6) {
                world.kernel.after(time) { [unowned self] in actOfPeer() }
            } else {
                world.loop.schedule(after: time) { [unowned self] in actOfMember() }
            }
        }
        try world.run(for: .milliseconds(30))
        isSettling = true
        world.kernel.faults = .none
        for peer in peers { peer.resume() }
        try world.run(within: .seconds(5)) { members.allSatisfy { $0.socket?.queuedDatagrams ?? 0 == 0 } }
        try world.run(for: .milliseconds(100))
        try world.check()
        for member in members { account(for: member) }
        if !violations.isEmpty { throw world.failure(violations.joined(separator: "\n  ")) }
        return world.trace.digest
    }

    private func addMember(_ world: Simulation) throws {
        let member = Member(self, seed: random.next())
        var options = DatagramOptions()
        options.batchSize = random.pick([1, 3, 64])
        options.datagramsPerTurn = random.pick([1, 4, 256])
        options.queuedDatagrams = random.pick([1, 5, 512])
        options.datagramSize = random.pick([20, 2048])
        options.sharesAddress = true
        options.allowsBroadcast = random.chance(0.5)
        switch random.below(3) {
        case 0: member.socket = try world.bindDatagrams(on: .loopback(port: 0), options: options, handler: member)
        case 1:
            member.socket = try world.bindDatagrams(
                on: .ipv4(0, 0, 0, 0, port: 7000), options: options, handler: member)
            // A fault may keep it from joining; then it is no member.
            if random.chance(0.7) { _ = try? member.socket?.join(group) }
        default:
            member.socket = try world.connectDatagrams(
                to: .loopback(port: 7000), from: .loopback(port: 0), options: options, handler: member)
        }
        members.append(member)
    }

    private func actOfMember() {
        let member = random.pick(members)
        if random.chance(0.03) { member.socket?.close() }
        for _ in 0..<random.pick([1, 1, 5, 40]) { sendAnywhere(by: member) }
    }

    private func actOfPeer() {
        let peer = random.pick(peers)
        switch random.below(12) {
        case 0: peer.stall()
        case 1, 2: peer.resume()
        default:
            for _ in 0..<random.pick([1, 1, 5, 40]) {
                let target = anywhere()
                let bytes = enter(source: peer.address, target: target)
                _ = peer.send(bytes, to: target)
            }
        }
    }

    // MARK: Sending

    private func anywhere() -> SocketAddress {
        let all = members.compactMap { $0.socket?.address.withHost } + peers.map(\.address)
        return random.chance(0.8)
            ? random.pick(all) : random.pick([group, .ipv4(255, 255, 255, 255, port: 7000), .loopback(port: 9)])
    }

    private func enter(source: SocketAddress, target: SocketAddress) -> [UInt8] {
        let number = ledger.count
        let count = random.pick([4, 4, 19, 21, 100, 1400])
        var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: count)
        for index in 0..<min(count, 20) { bytes[index] = UInt8(truncatingIfNeeded: number >> (index % 4 * 8)) }
        ledger.append(Entry(source: source, target: target, bytes: bytes))
        return bytes
    }

    private func sendAnywhere(by member: Member) { send(by: member, to: anywhere()) }

    private func send(by member: Member, to target: SocketAddress) {
        guard !isSettling, let socket = member.socket, !socket.isClosed else { return }
        member.asked += 1
        if let peer = socket.peer, random.chance(0.5) {
            // Safe: the bytes are an array's.
            unsafe socket.send(enter(source: socket.address.withHost, target: peer).span.bytes)
        } else {
            socket.send(enter(source: socket.address.withHost, target: target), to: target)
        }
    }

    // MARK: Judging

    private func arrived(_ bytes: [UInt8], from source: SocketAddress, at place: SocketAddress, cutAt limit: Int?) {
        let number = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << ($1 * 8) }
        guard bytes.count >= 4, number < ledger.count else { return violations.append("a datagram nobody sent") }
        let entry = ledger[number]
        let isWhole = bytes == entry.bytes
        if limit == nil ? !isWhole : isWhole || !entry.bytes.starts(with: bytes) {
            violations.append("datagram \(number) has \(bytes.count) of \(entry.bytes.count) bytes, or others")
        }
        if entry.source != source { violations.append("datagram \(number) of \(entry.source) says it is of \(source)") }
        if entry.target.port != place.port { violations.append("datagram \(number) came to \(place)") }
        // Several sockets of one address each get what is sent to a group or to all.
        let copies = ledger[number].target.isLoopback ? 1 : members.count + peers.count
        ledger[number].arrivals[place, default: 0] += 1
        if ledger[number].arrivals[place]! > copies * (faults.datagramDuplication > 0 ? 2 : 1) {
            violations.append("datagram \(number) came \(ledger[number].arrivals[place]!) times to \(place)")
        }
    }

    private func account(for member: Member) {
        guard let statistics = member.socket?.statistics else { return }
        if statistics.sent + statistics.dropped + statistics.withheld != member.asked {
            violations.append("\(member.asked) datagrams were given to a socket, which says \(statistics)")
        }
    }
}

extension SocketAddress {
    /// What others see where a socket is bound to any address.
    fileprivate var withHost: SocketAddress { self == .ipv4(0, 0, 0, 0, port: port) ? .loopback(port: port) : self }
}
