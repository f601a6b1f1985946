// The two machines against each other, without a socket: a wire that loses, doubles and reorders, and time that passes
// only here.

import Reactor
import ReactorTesting
import Testing

@testable import ReactorTFTP

/// A sender and a receiver, and the wire between them.
final class TransferWire {
    let sender: TFTPSender
    let receiver: TFTPReceiver
    private(set) var now = MonotonicTime(nanoseconds: 0)
    private(set) var received: [UInt8] = []
    /// How often each packet of data was sent.
    private(set) var dataSent = 0
    private(set) var packetsOfServer = 0
    private var random: SeededGenerator
    private var underWay: [(time: MonotonicTime, toReceiver: Bool, bytes: [UInt8])] = []
    var (loss, duplication, reordering) = (0.0, 0.0, 0.0)
    /// What becomes of one packet: how many of it arrive.
    var copies: (_ toReceiver: Bool, _ packet: TFTPPacket) -> Int? = { _, _ in nil }
    private let file: [UInt8]
    private var supplied = 0

    /// - Parameter reads: the sender is the server.
    init(
        _ file: [UInt8], terms: TFTPTerms = TFTPTerms(), isGranted: Bool = true, reads: Bool = true, seed: UInt64 = 1,
        linger: Duration = .seconds(6), patience: Duration = .seconds(60)
    ) {
        self.file = file
        random = SeededGenerator(seed: seed)
        let asked = terms.asking(transferSize: 0)
        let granted = isGranted ? terms.asking(transferSize: file.count) : []
        let agreed = isGranted ? terms : TFTPTerms()
        let request = TFTPRequest(name: [0x66], mode: .octet, options: asked)
        let limits = TFTPReceiver.Limits(patience: patience, linger: linger)
        if reads {
            sender = TFTPSender(.server(granting: granted, isWrite: false), terms: agreed, patience: patience)
            receiver = TFTPReceiver(.client(.read(request)), terms: terms, limits: limits)
        } else {
            sender = TFTPSender(.client(.write(request)), terms: terms, patience: patience)
            receiver = TFTPReceiver(.server(granting: granted, isWrite: true), terms: agreed, limits: limits)
        }
        receiver.begin(at: now)
        sender.begin(at: now)
        // The request has arrived.
        if reads { receiver.outgoing = [] } else { sender.outgoing = [] }
        move()
    }

    /// Runs until both are over, or the time is.
    func run(for time: Duration = .seconds(3600)) {
        let end = now.advanced(by: time)
        while !(sender.state.isOver && (receiver.state.isOver || receiver.state == .lingering)) {
            let next = min(underWay.map(\.time).min() ?? .never, sender.deadline, receiver.deadline)
            guard next < end else { return now = end }
            now = max(now, next)
            let due = underWay.filter { $0.time <= now }
            underWay.removeAll { $0.time <= now }
            for one in due {
                guard let packet = try? unsafe TFTPPacket(one.bytes.span.bytes) else { continue }
                if one.toReceiver { receiver.received(packet, at: now) } else { sender.received(packet, at: now) }
                move()
            }
            sender.deadlineReached(at: now)
            receiver.deadlineReached(at: now)
            move()
        }
    }

    private func move() {
        while sender.wantsData {
            let piece = file[supplied..<min(supplied + 5000, file.count)]
            supplied += piece.count
            sender.supply(Array(piece), isLast: piece.count < 5000, at: now)
        }
        received += receiver.takeArrived()
        receiver.confirm(at: now)
        for packet in sender.outgoing { send(packet, toReceiver: true) }
        for packet in receiver.outgoing { send(packet, toReceiver: false) }
        sender.outgoing = []
        receiver.outgoing = []
    }

    private func send(_ bytes: [UInt8], toReceiver: Bool) {
        if bytes[1] == 3 { dataSent += 1 }
        var count = random.chance(loss) ? 0 : random.chance(duplication) ? 2 : 1
        if let packet = try? unsafe TFTPPacket(bytes.span.bytes) { count = copies(toReceiver, packet) ?? count }
        for _ in 0..<count {
            let delay = random.chance(reordering) ? Duration.milliseconds(random.number(in: 5...20)) : .milliseconds(5)
            underWay.append((now.advanced(by: delay), toReceiver, bytes))
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct TransferMachineTests {
    private static func terms(_ blockSize: Int, _ windowSize: Int) -> TFTPTerms {
        var terms = TFTPTerms()
        (terms.blockSize, terms.windowSize) = (blockSize, windowSize)
        return terms
    }

    private func file(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) } }

    @Test(arguments: [0, 1, 511, 512, 513, 1024, 5000, 100_000]) func everySizeArrives(_ size: Int) {
        for (blockSize, windowSize) in [(512, 1), (512, 16), (8, 3), (1428, 64)] where size / blockSize < 2_000 {
            for reads in [true, false] {
                let wire = TransferWire(file(size), terms: Self.terms(blockSize, windowSize), reads: reads)
                wire.run()
                #expect(wire.sender.state == .finished && wire.received == file(size))
                #expect(wire.sender.statistics.repeated == 0 && wire.dataSent == size / blockSize + 1)
            }
        }
    }

    @Test func aServerWithoutOptionsIsUnderstood() {
        for reads in [true, false] {
            let wire = TransferWire(file(2000), terms: Self.terms(1428, 16), isGranted: false, reads: reads)
            wire.run()
            #expect(wire.received == file(2000) && wire.dataSent == 4)
        }
    }

    /// Lost, doubled and out of order: all of it arrives, in its order, in bounded time.
    @Test(arguments: 0..<5 as Range<UInt64>) func aBadNetworkChangesNothing(_ seed: UInt64) {
        for windowSize in [1, 4, 16] {
            for reads in [true, false] {
                let wire = TransferWire(
                    file(20_000), terms: Self.terms(512, windowSize), reads: reads, seed: seed)
                (wire.loss, wire.duplication, wire.reordering) = (0.1, 0.1, 0.1)
                wire.run(for: .seconds(600))
                #expect(wire.sender.state == .finished, "seed \(seed), window \(windowSize), reads \(reads)")
                #expect(wire.received == file(20_000))
            }
        }
    }

    /// Block numbers go round at 65,536: files above 32 MiB.
    @Test func blockNumbersWrap() {
        let bytes = file(8 * 70_000)
        let wire = TransferWire(bytes, terms: Self.terms(8, 64))
        wire.run()
        #expect(wire.sender.state == .finished && wire.received == bytes)
        #expect(wire.receiver.statistics.blocks == 70_001)
    }

    /// RFC 1123, 4.2.3.1: whatever is doubled, no block is sent twice for it.
    @Test func theSorcerersApprenticeHasNothingToDo() {
        let wire = TransferWire(file(51_200))
        wire.copies = { _, _ in 2 }
        wire.run()
        #expect(wire.sender.state == .finished && wire.dataSent == 101)
    }

    /// With a window, one acknowledgement that comes twice may have its window sent again, once; nothing goes on from it.
    @Test func aDoubledAcknowledgementOfAWindowDoesNotDoubleTheRest() {
        for doubled in [16, 32, 160] as [UInt16] {
            let wire = TransferWire(file(512 * 512), terms: Self.terms(512, 16))
            wire.copies = { toReceiver, packet in
                !toReceiver && packet == .acknowledgement(block: doubled) ? 2 : nil
            }
            wire.run()
            #expect(wire.sender.state == .finished && wire.dataSent <= 513 + 16, "\(doubled): \(wire.dataSent)")
        }
    }

    @Test func aDelayedBlockIsNotSentForEver() {
        // Every packet comes twice for a while, then none does.
        let wire = TransferWire(file(512 * 2000), terms: Self.terms(512, 16))
        var packets = 0
        wire.copies = { _, _ in
            packets += 1
            return packets < 200 ? 2 : 1
        }
        wire.run()
        #expect(wire.sender.state == .finished && wire.received.count == 512 * 2000)
        #expect(wire.dataSent < 2001 + 200)
    }

    /// The first block of a window is missed: said at once, and not after a timeout.
    @Test func aGapIsFilledWithoutWaiting() {
        for lost in [33, 40, 48] as [UInt16] {
            let wire = TransferWire(file(512 * 100), terms: Self.terms(512, 16))
            var isLost = false
            wire.copies = { toReceiver, packet in
                guard toReceiver, case .data(block: lost, _) = packet, !isLost else { return nil }
                isLost = true
                return 0
            }
            wire.run()
            // The last block of a window is missed by nobody until the time is over.
            #expect(wire.sender.statistics.timeouts == (lost == 48 ? 1 : 0), "block \(lost)")
            #expect(wire.received == file(512 * 100))
        }
    }

    /// A peer that does not reply gets three datagrams, whatever is served.
    @Test(arguments: [true, false]) func aServerSendsThreeDatagramsIntoTheDark(_ reads: Bool) {
        for isGranted in [true, false] {
            let wire = TransferWire(
                file(100_000), terms: Self.terms(1428, 16), isGranted: isGranted, reads: reads)
            var sent = 0
            wire.copies = { toReceiver, _ in
                if toReceiver == reads { sent += 1 }
                return 0
            }
            wire.run(for: .seconds(300))
            let server: any TransferMachine = reads ? wire.sender : wire.receiver
            // One of them left before anybody counted.
            #expect(sent == 2)
            guard case .failed(.silent) = server.state else {
                Issue.record("\(server.state)")
                continue
            }
        }
    }

    @Test func waitingGrowsAndEnds() {
        let wire = TransferWire(file(100_000))
        var isOff = false
        var times: [MonotonicTime] = []
        wire.copies = { [unowned wire] toReceiver, packet in
            if packet == .acknowledgement(block: 50) { isOff = true }
            if isOff && toReceiver { times.append(wire.now) }
            return isOff ? 0 : nil
        }
        wire.run(for: .seconds(300))
        guard case .failed(.silent(let time)) = wire.sender.state else {
            Issue.record("\(wire.sender.state)")
            return
        }
        #expect(time >= .seconds(60) && time < .seconds(62))
        let waits = zip(times, times.dropFirst()).map { $0.duration(to: $1) }
        #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 <= $1 } && times.count < 25)
        #expect(waits.max() == RetransmissionTimer.longest)
    }

    @Test func theLastAcknowledgementCanBeHadOnceMore() {
        let wire = TransferWire(file(100), reads: false)
        var lost = 0
        wire.copies = { toReceiver, packet in
            guard !toReceiver, packet == .acknowledgement(block: 1), lost < 2 else { return nil }
            lost += 1
            return 0
        }
        wire.run()
        #expect(lost == 2 && wire.sender.state == .finished && wire.receiver.state == .lingering)
    }

    @Test func anErrorEndsATransferAndGetsNoReply() {
        let sender = TFTPSender(.server(granting: [], isWrite: false), terms: TFTPTerms(), patience: .seconds(5))
        let now = MonotonicTime(nanoseconds: 0)
        sender.begin(at: now)
        sender.supply([1], isLast: true, at: now)
        sender.outgoing = []
        let error = TFTPError(.diskFull, "full")
        sender.received(.error(error), at: now)
        #expect(sender.state == .failed(.refused(error)) && sender.outgoing.isEmpty && sender.deadline == .never)
    }

    /// Acknowledgements of what was never sent, of long ago, of anything.
    @Test func liesAreIgnored() {
        let terms = Self.terms(8, 4)
        let sender = TFTPSender(
            .server(granting: terms.asking(transferSize: nil), isWrite: false), terms: terms, patience: .seconds(5))
        let now = MonotonicTime(nanoseconds: 0)
        sender.begin(at: now)
        sender.supply(file(8000), isLast: true, at: now)
        sender.received(.acknowledgement(block: 7), at: now)
        #expect(sender.state == .opening)
        sender.received(.acknowledgement(block: 0), at: now)
        sender.outgoing = []
        for block in [5, 6, 100, 32_768, 65_535] as [UInt16] {
            sender.received(.acknowledgement(block: block), at: now)
        }
        #expect(sender.outgoing.isEmpty && sender.statistics.blocks == 0)
        sender.received(.acknowledgement(block: 4), at: now)
        #expect(sender.outgoing.count == 4 && sender.statistics.blocks == 4)
        sender.received(.data(block: 1, []), at: now)
        #expect(sender.state == .failed(.ended(.illegal("unexpected packet; this transfer sends a file to you"))))
    }

    @Test func aBlockThatIsTooLongEndsTheTransfer() {
        let limits = TFTPReceiver.Limits(patience: .seconds(5), fileSize: 1000, linger: .zero)
        for payload in [513, 512] {
            let receiver = TFTPReceiver(.server(granting: [], isWrite: true), terms: TFTPTerms(), limits: limits)
            let now = MonotonicTime(nanoseconds: 0)
            receiver.begin(at: now)
            receiver.received(.data(block: 1, [UInt8](repeating: 1, count: payload)), at: now)
            receiver.received(.data(block: 2, [UInt8](repeating: 1, count: 512)), at: now)
            guard case .failed(.ended(let error)) = receiver.state else {
                Issue.record("\(receiver.state)")
                continue
            }
            #expect(error.code == (payload == 513 ? .illegalOperation : .diskFull))
        }
    }
}
