// The receiving state machine of a transfer: accepts blocks in order and acknowledges the last one of each window.
// Packets and the time go in, packets come out; it does no I/O.
//
//     opening --reply-----> transferring --short block--> completing --confirm()--> lingering --time--> finished
//        |                      |  ^ window full, or block missing: acknowledge the last block in sequence
//        |                      |  ^ timeout: retransmit the last packet, double the timeout
//        +-- ERROR, or silence -+----> failed
//
// The last block is acknowledged when the file is stored, not when it has arrived, so that a full disk is never
// reported as success. That acknowledgement may be lost, so it remains available for a while (RFC 1350, 6).

import Reactor

/// The receiving half of a transfer.
final class TFTPReceiver: TransferMachine {
    private(set) var state = TransferState.opening
    var outgoing: [[UInt8]] = []
    private(set) var deadline = MonotonicTime.never
    private(set) var statistics = TransferStatistics()
    private(set) var terms: TFTPTerms

    private let opening: TransferOpening
    private let limits: Limits
    private var timer: RetransmissionTimer
    /// The number of blocks that have arrived. The number of the last one on the wire is its low 16 bits.
    private var last = 0
    private var lastAcknowledged = 0
    /// The distance of the last block that arrived beyond a gap.
    private var gap: Int?
    /// The packet that a timeout retransmits.
    private var lastPacket: [UInt8] = []
    private var lastProgress = MonotonicTime(nanoseconds: 0)
    private var openings = 0
    private var arrived: [UInt8] = []
    private var owesAcknowledgement = false

    /// The limits of a receiver.
    struct Limits: Sendable {
        /// How long the peer may be silent.
        var patience: Duration
        /// The largest file that is accepted, in bytes.
        var fileSize = Int.max
        /// Whether the number of bytes must equal the size that the peer announced. Netascii changes it.
        var comparesSize = false
        /// How long the last acknowledgement is repeated on request.
        var linger: Duration
        /// Whether it lingers only after packet loss, so that a clean transfer ends without delay.
        var lingersAfterLossOnly = false
    }

    init(_ opening: TransferOpening, terms: TFTPTerms, limits: Limits) {
        self.opening = opening
        self.limits = limits
        self.terms = opening.isServer ? terms : TFTPTerms()
        timer = RetransmissionTimer(agreed: opening.isServer ? terms.timeout : nil)
    }

    // MARK: The file

    /// Whether blocks are acknowledged. `false` applies backpressure while the disk is slower than the network.
    var acknowledges = true {
        didSet {
            guard acknowledges, owesAcknowledgement, state == .transferring else { return }
            owesAcknowledgement = false
            acknowledge()
        }
    }

    /// Returns the bytes that have arrived since the last call.
    func takeArrived() -> [UInt8] {
        defer { arrived = [] }
        return arrived
    }

    /// The number of bytes that the next ``takeArrived()`` returns.
    var arrivedCount: Int { arrived.count }

    /// Acknowledges the last block: the file is stored.
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
        // Long enough for two retransmissions by a client with the negotiated timeout.
        deadline = now.advanced(by: opening.isServer ? timer.linger(limits.linger) : limits.linger)
    }

    // MARK: The peer

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
        case .optionAcknowledgement(let reply): agreed(on: reply, at: now)
        case .error(let error): if state != .lingering { end(.refused(error)) }
        case .acknowledgement, .read, .write: fail(.illegal("unexpected packet; this transfer receives your file"))
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

    /// Handles the options that a server granted; acknowledges them as block 0.
    private func agreed(on reply: [TFTPOption], at now: MonotonicTime) {
        guard state == .opening, !opening.isServer else {
            statistics.useless += 1
            // A retransmission: the acknowledgement was lost.
            if state == .transferring && last == 0 && !opening.isServer { acknowledge() }
            return
        }
        do throws(TFTPError) {
            terms = try TFTPTerms.accepting(reply, to: opening.asked)
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
        if payload.count > terms.blockSize { return fail(.illegal("the block exceeds the negotiated block size")) }
        // The distance from the last block; 16-bit numbers wrap.
        let ahead = Int(Int16(bitPattern: block &- UInt16(truncatingIfNeeded: last)))
        switch ahead {
        case 1 where state == .opening || state == .transferring: accept(payload, at: now)
        case 0 where state != .completing && last > 0: repeated(at: now)
        case 2... where state == .transferring: missed(ahead)
        default: statistics.useless += 1
        }
    }

    /// The announced size of the file, if it is to be compared: otherwise a truncated file would pass for a complete
    /// one.
    private var announced: Int? { limits.comparesSize ? terms.announcedSize : nil }

    private func accept(_ payload: [UInt8], at now: MonotonicTime) {
        guard payload.count <= limits.fileSize - statistics.bytes else {
            return fail(TFTPError(.diskFull, "the file exceeds the size limit"))
        }
        let (total, isLast) = (statistics.bytes + payload.count, payload.count < terms.blockSize)
        if let announced, isLast ? total != announced : total > announced {
            let number = isLast ? "\(total)" : "more than \(announced)"
            return fail(
                TFTPError(.undefined, "size mismatch: \(number) bytes arrived, \(announced) were announced"))
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

    /// Handles a repetition of the last block: if its acknowledgement was sent, it was lost.
    private func repeated(at now: MonotonicTime) {
        statistics.useless += 1
        guard last == lastAcknowledged, acknowledges else { return }
        statistics.repeated += 1
        acknowledge()
        if state == .transferring { wait(from: now) }
    }

    /// Handles a block beyond a gap. Within a window the gap is reported at once, once per pass of the sender.
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
            lastProgress = now  // the peer waits for this side
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
