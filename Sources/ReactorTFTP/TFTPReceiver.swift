// The half of a transfer that gets the file: it takes blocks in their order and acknowledges the last one of a window.
// Packets and time go in, packets come out; it knows no socket and no file.
//
//     opening --answered--> transferring --short block--> completing --confirm()--> lingering --time--> finished
//        |                      |  ^ the window is full, or a block is missing: acknowledged as far as it is whole
//        |                      |  ^ nothing in time: the last packet again, and twice the time to wait
//        +-- ERROR, or silence -+----> failed
//
// The last block is acknowledged when the file is safe, not when it has arrived: an acknowledgement that a full disk
// makes a lie is worse than none. The one that was sent may be lost, and so it can be asked for a while longer
// (RFC 1350, 6).

import Reactor

/// Receives a file.
final class TFTPReceiver: TransferMachine {
    private(set) var state = TransferState.opening
    var outgoing: [[UInt8]] = []
    private(set) var deadline = MonotonicTime.never
    private(set) var statistics = TransferStatistics()
    private(set) var terms: TFTPTerms

    private let opening: TransferOpening
    private let limits: Limits
    private var timer: RetransmissionTimer
    /// Blocks that have arrived, counted without end; the last one's number on the wire is this one's last 16 bits.
    private var last = 0
    private var lastAcknowledged = 0
    /// The last block of which the one before is missing, as far ahead as it was.
    private var gap: Int?
    /// What is sent again when nothing comes.
    private var lastPacket: [UInt8] = []
    private var lastProgress = MonotonicTime(nanoseconds: 0)
    private var openings = 0
    private var arrived: [UInt8] = []
    private var owesAcknowledgement = false

    /// What a receiver puts up with.
    struct Limits: Sendable {
        /// How long the other side may be silent.
        var patience: Duration
        /// Bytes of the file at most.
        var fileSize = Int.max
        /// Whether the bytes travel as they are, so that there have to be as many as the other side has announced.
        var comparesSize = false
        /// How long the last acknowledgement can be asked for once more.
        var linger: Duration
        /// Whether it can only where packets have been lost: on a good network nobody waits.
        var lingersAfterLossOnly = false
    }

    init(_ opening: TransferOpening, terms: TFTPTerms, limits: Limits) {
        self.opening = opening
        self.limits = limits
        self.terms = opening.isServer ? terms : TFTPTerms()
        timer = RetransmissionTimer(agreed: opening.isServer ? terms.timeout : nil)
    }

    // MARK: The file

    /// Whether what has arrived is acknowledged. Set to `false` while the disk is slower than the network.
    var acknowledges = true {
        didSet {
            guard acknowledges, owesAcknowledgement, state == .transferring else { return }
            owesAcknowledgement = false
            acknowledge()
        }
    }

    /// The bytes that have arrived since it was last asked.
    func takeArrived() -> [UInt8] {
        defer { arrived = [] }
        return arrived
    }

    /// How many there are.
    var arrivedCount: Int { arrived.count }

    /// All is kept: the last block is acknowledged.
    func confirm(at now: MonotonicTime) {
        guard state == .completing else { return }
        acknowledge()
        let isClean = statistics.timeouts == 0 && statistics.useless == 0
        guard limits.linger > .zero, !(limits.lingersAfterLossOnly && isClean) else {
            state = .finished
            deadline = .never
            return
        }
        state = .lingering
        // A client asks again when the time is over that was agreed on, and twice in this.
        deadline = now.advanced(by: opening.isServer ? timer.linger(limits.linger) : limits.linger)
    }

    // MARK: The other side

    func begin(at now: MonotonicTime) {
        lastProgress = now
        lastPacket = opening.packet ?? []
        openings += 1
        outgoing.append(lastPacket)
        wait(from: now)
    }

    func received(_ packet: TFTPPacket, at now: MonotonicTime) {
        if state.isOver { return }
        switch packet {
        case .data(let block, let payload): received(block, payload, at: now)
        case .optionAcknowledgement(let answer): agreed(on: answer, at: now)
        case .error(let error): if state != .lingering { end(.refused(error)) }
        case .acknowledgement, .read, .write: fail(.illegal("this is the transfer of a file from you"))
        }
    }

    func fail(_ error: TFTPError, because failure: TransferFailure) {
        if state.isOver || state == .lingering { return }
        outgoing.append(TFTPPacket.error(error).bytes)
        end(failure)
    }

    private func end(_ failure: TransferFailure) {
        state = .failed(failure)
        deadline = .never
    }

    /// The server granted options to a client: acknowledged as block 0.
    private func agreed(on answer: [TFTPOption], at now: MonotonicTime) {
        guard state == .opening, !opening.isServer else {
            statistics.useless += 1
            // Once more: the acknowledgement of it was lost.
            if state == .transferring && last == 0 && !opening.isServer { acknowledge() }
            return
        }
        do throws(TFTPError) {
            terms = try TFTPTerms.accepting(answer, to: opening.asked)
        } catch {
            return fail(error)
        }
        timer = RetransmissionTimer(agreed: terms.timeout)
        state = .transferring
        lastProgress = now
        acknowledge()
        wait(from: now)
    }

    private func received(_ block: UInt16, _ payload: [UInt8], at now: MonotonicTime) {
        if payload.count > terms.blockSize { return fail(.illegal("this block is longer than was agreed on")) }
        // How far from the last one, as numbers of 16 bits go round.
        let ahead = Int(Int16(bitPattern: block &- UInt16(truncatingIfNeeded: last)))
        switch ahead {
        case 1 where state == .opening || state == .transferring: accept(payload, at: now)
        case 0 where state != .completing && last > 0: repeated(at: now)
        case 2... where state == .transferring: missed(ahead)
        default: statistics.useless += 1
        }
    }

    /// Bytes of the file, if the other side has said so: a file that was cut off on its way would pass for a whole one.
    private var announced: Int? { limits.comparesSize ? terms.announcedSize : nil }

    private func accept(_ payload: [UInt8], at now: MonotonicTime) {
        guard payload.count <= limits.fileSize - statistics.bytes else {
            return fail(TFTPError(.diskFull, "the file is larger than is allowed"))
        }
        let (total, isLast) = (statistics.bytes + payload.count, payload.count < terms.blockSize)
        if let announced, isLast ? total != announced : total > announced {
            let number = isLast ? "\(total)" : "more than \(announced)"
            return fail(
                TFTPError(.undefined, "\(number) bytes of the file have arrived, and \(announced) were announced"))
        }
        state = .transferring
        timer.progressed()
        lastProgress = now
        gap = nil
        last += 1
        statistics.blocks += 1
        statistics.bytes += payload.count
        arrived += payload
        if isLast {
            state = .completing
            deadline = .never
            return
        }
        if last - lastAcknowledged >= terms.windowSize { acknowledgeOrOwe() }
        wait(from: now)
    }

    /// The last block came again. If its acknowledgement was sent, it was lost.
    private func repeated(at now: MonotonicTime) {
        statistics.useless += 1
        guard last == lastAcknowledged, acknowledges else { return }
        statistics.repeated += 1
        acknowledge()
        if state == .transferring { wait(from: now) }
    }

    /// A block came before its time. In a window this is said at once, for each pass of the sender through it once.
    private func missed(_ ahead: Int) {
        statistics.useless += 1
        guard terms.windowSize > 1, ahead <= terms.windowSize else { return }
        let isNews = gap.map { ahead <= $0 } ?? true
        gap = ahead
        if isNews { acknowledgeOrOwe() }
    }

    private func acknowledgeOrOwe() {
        if acknowledges { acknowledge() } else { owesAcknowledgement = true }
    }

    private func acknowledge() {
        lastAcknowledged = last
        lastPacket = TFTPPacket.acknowledgement(block: UInt16(truncatingIfNeeded: last)).bytes
        outgoing.append(lastPacket)
    }

    // MARK: Time

    func deadlineReached(at now: MonotonicTime) {
        guard now >= deadline, !state.isOver else { return }
        if state == .lingering {
            state = .finished
            deadline = .never
            return
        }
        let silence = lastProgress.duration(to: now)
        if silence >= patience { return end(.silent(silence)) }
        // The peer's first block may be what was lost: it sends it again by itself.
        if isSpent { return deadline = lastProgress.advanced(by: patience) }
        timer.backOff()
        if acknowledges || state == .opening {
            statistics.timeouts += 1
            statistics.repeated += 1
            if state == .opening {
                openings += 1
                outgoing.append(lastPacket)
            } else {
                acknowledge()
            }
        } else {
            lastProgress = now  // the other side waits for this one
        }
        wait(from: now)
    }

    var isSpent: Bool { state == .opening && opening.isServer && openings >= TransferOpening.serversPackets }

    private var patience: Duration { timer.patience(limits.patience) }

    private func wait(from now: MonotonicTime) {
        let end = lastProgress.advanced(by: patience)
        deadline = max(now, min(now.advanced(by: timer.current), end))
    }
}
