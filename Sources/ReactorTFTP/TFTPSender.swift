// The sending state machine of a transfer: sends a window of blocks and waits for its acknowledgement. Packets and the
// time go in, packets come out; it does no I/O.
//
//     opening --reply------> transferring --last block acknowledged--> finished
//        |                       |  ^ whole window acknowledged: send the next one
//        |                       |  ^ part of it acknowledged: a gap, continue from there (RFC 7440, 4)
//        |                       |  ^ timeout: retransmit the window, double the timeout
//        +--- ERROR, or silence -+----> failed
//
// Sorcerer's Apprentice (RFC 1123, 4.2.3.1): if a duplicate acknowledgement caused a retransmission, that block would
// be acknowledged twice as well, and every later packet would be sent twice. With a window of 1, an acknowledgement
// therefore never causes a retransmission. With a larger window, a duplicate acknowledgement is the only way to report
// that the first block is missing. It is honoured only if the acknowledged block was sent once, so that it cannot be
// the echo of a retransmission, and at most once, because the blocks that it causes to be sent count as retransmitted.

import Reactor

/// The sending half of a transfer.
final class TFTPSender: TransferMachine {
    private(set) var state = TransferState.opening
    var outgoing: [[UInt8]] = []
    private(set) var deadline = MonotonicTime.never
    private(set) var statistics = TransferStatistics()
    private(set) var terms: TFTPTerms

    private let opening: TransferOpening
    private let patience: Duration
    private var timer: RetransmissionTimer
    private var blocks = BlockQueue()
    // Blocks are counted from 0 and never wrap here; on the wire block 0 has number 1, and numbers wrap at 16 bits.
    /// The number of acknowledged blocks.
    private var acknowledged = 0
    /// The number of blocks that are acknowledged or in flight.
    private var sent = 0
    /// The blocks before this one may have been sent more than once.
    private var repeatedBefore = 0
    private var lastSent = MonotonicTime(nanoseconds: 0)
    private var lastProgress = MonotonicTime(nanoseconds: 0)
    /// The number of times that something was sent to a peer that has not replied yet.
    private var openings = 0

    /// Creates a sender of the bytes that ``supply(_:isLast:at:)`` receives.
    ///
    /// - Parameters:
    ///   - opening: the first packet.
    ///   - terms: the terms that a server has granted; a client's are negotiated.
    ///   - patience: how long the peer may be silent.
    init(_ opening: TransferOpening, terms: TFTPTerms, patience: Duration) {
        self.opening = opening
        self.patience = patience
        // A client uses the protocol's defaults until the server has replied.
        self.terms = opening.isServer ? terms : TFTPTerms()
        timer = RetransmissionTimer(agreed: opening.isServer ? terms.timeout : nil)
    }

    // MARK: The file

    /// Whether more of the file is needed soon. At most a few windows are buffered.
    var wantsData: Bool { !blocks.isEnded && !state.isOver && blocks.byteCount < wantedBytes }
    private var wantedBytes: Int { max(32 * 1024, 2 * terms.windowSize * terms.blockSize) }

    /// Appends the next bytes of the file.
    func supply(_ bytes: [UInt8], isLast: Bool, at now: MonotonicTime) {
        blocks.append(bytes, isLast: isLast)
        if sent == acknowledged { lastProgress = now }  // the peer waited, not this side
        if state == .transferring || opening.packet == nil { sendWindow(at: now) }
    }

    // MARK: The peer

    func begin(at now: MonotonicTime) {
        lastProgress = now
        if let packet = opening.packet {
            openings += 1
            outgoing.append(packet)
            wait(from: now)
        } else {
            sendWindow(at: now)
        }
    }

    func received(_ packet: TFTPPacket, at now: MonotonicTime) {
        if state.isOver { return }
        switch packet {
        case .acknowledgement(let block): acknowledged(block, at: now)
        case .optionAcknowledgement(let reply): agreed(on: reply, at: now)
        case .error(let error): end(.refused(error))
        case .data, .read, .write: fail(.illegal("unexpected packet; this transfer sends a file to you"))
        }
    }

    func fail(_ error: TFTPError, because failure: TransferFailure) {
        if state.isOver { return }
        outgoing.append(TFTPPacket.error(error).bytes)
        end(failure)
    }

    private func end(_ failure: TransferFailure) {
        state = .failed(failure)
        deadline = .never
    }

    /// Handles the options that a server granted.
    private func agreed(on reply: [TFTPOption], at now: MonotonicTime) {
        guard state == .opening, !opening.isServer else {
            statistics.useless += 1
            return
        }
        do throws(TFTPError) {
            terms = try TFTPTerms.accepting(reply, to: opening.asked)
        } catch {
            return fail(error)
        }
        timer = RetransmissionTimer(agreed: terms.timeout)
        opened(at: now)
    }

    private func opened(at now: MonotonicTime) {
        state = .transferring
        lastProgress = now
        // A server without options sent block 1 first; the acknowledgement of that block is measured instead.
        if opening.packet != nil { measure(at: now, wasSentOnce: openings == 1) }
        timer.progressed()
        sendWindow(at: now)
    }

    private func acknowledged(_ block: UInt16, at now: MonotonicTime) {
        // The distance from the last acknowledged block; 16-bit numbers wrap.
        let ahead = Int(block &- UInt16(truncatingIfNeeded: acknowledged))
        if state == .opening {
            if opening.packet != nil {
                // The reply to the options, or to a write request.
                if block == 0 { opened(at: now) } else { statistics.useless += 1 }
                return
            }
            if ahead == 0 || ahead > sent { return statistics.useless += 1 }
            state = .transferring
        }
        switch ahead {
        case 0: repeatedAcknowledgement(at: now)
        case 1...max(1, sent - acknowledged) where sent > acknowledged: advance(by: ahead, at: now)
        default: statistics.useless += 1  // an old acknowledgement, or one of a block that was never sent
        }
    }

    /// Advances the window.
    private func advance(by count: Int, at now: MonotonicTime) {
        let isWhole = acknowledged + count == sent
        if isWhole { measure(at: now, wasSentOnce: acknowledged + count > repeatedBefore) }
        timer.progressed()
        lastProgress = now
        acknowledged += count
        statistics.blocks += count
        statistics.bytes += blocks.removeFirst(count, blockSize: terms.blockSize)
        if blocks.isEmpty {
            state = .finished
            deadline = .never
        } else {
            if !isWhole { goBack() }
            sendWindow(at: now)
        }
    }

    private func repeatedAcknowledgement(at now: MonotonicTime) {
        statistics.useless += 1
        guard terms.windowSize > 1, sent > acknowledged, acknowledged > repeatedBefore else { return }
        goBack()
        sendWindow(at: now)
    }

    // MARK: Time

    func deadlineReached(at now: MonotonicTime) {
        guard now >= deadline, !state.isOver else { return }
        let silence = lastProgress.duration(to: now)
        if silence >= timer.patience(patience) { return end(.silent(silence)) }
        // The peer's acknowledgement may be what was lost: it sends it again by itself.
        if isSpent { return deadline = lastProgress.advanced(by: timer.patience(patience)) }
        statistics.timeouts += 1
        timer.backOff()
        if state == .opening, let packet = opening.packet {
            openings += 1
            statistics.repeated += 1
            outgoing.append(packet)
            wait(from: now)
        } else {
            goBack()
            sendWindow(at: now)
        }
    }

    var isSpent: Bool { state == .opening && opening.isServer && openings >= TransferOpening.serversPackets }

    private func wait(from now: MonotonicTime) {
        lastSent = now
        let end = lastProgress.advanced(by: timer.patience(patience))
        deadline = max(now, min(now.advanced(by: timer.current), end))
    }

    private func measure(at now: MonotonicTime, wasSentOnce: Bool) {
        if wasSentOnce { timer.measured(lastSent.duration(to: now)) }
    }

    // MARK: Blocks

    /// Marks the blocks in flight for retransmission.
    private func goBack() {
        statistics.repeated += sent - acknowledged
        repeatedBefore = max(repeatedBefore, sent)
        sent = acknowledged
    }

    /// Sends the unsent blocks of the window that are available.
    private func sendWindow(at now: MonotonicTime) {
        let first = sent
        while sent - acknowledged < terms.windowSize,
            let block = blocks.block(sent - acknowledged, blockSize: terms.blockSize)
        {
            sent += 1
            outgoing.append(TFTPPacket.data(block: UInt16(truncatingIfNeeded: sent), block))
        }
        if sent > first && state == .opening { openings += 1 }
        // Nothing in flight: the transfer waits for the file.
        if sent == acknowledged { deadline = .never } else if sent > first { wait(from: now) }
    }
}

/// The buffered bytes of a file, from its first unacknowledged block.
struct BlockQueue: Sendable {
    private var bytes: [UInt8] = []
    private var start = 0
    /// Whether the end of the file was appended.
    private(set) var isEnded = false
    /// Whether the last block, a short and possibly empty one, was removed.
    private(set) var isEmpty = false

    var byteCount: Int { bytes.count - start }

    mutating func append(_ more: [UInt8], isLast: Bool) {
        // Compacts only when fewer bytes remain than were removed, so that the cost per byte is constant.
        if start > bytes.count - start {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += more
        isEnded = isLast
    }

    /// Returns a block, counted from 0; `nil` if it is not available yet or beyond the end.
    func block(_ index: Int, blockSize: Int) -> ArraySlice<UInt8>? {
        let from = start + index * blockSize
        if from + blockSize <= bytes.count { return bytes[from..<from + blockSize] }
        guard isEnded, !isEmpty, from <= bytes.count else { return nil }
        return bytes[from...]
    }

    /// Removes available blocks; returns their size in bytes.
    mutating func removeFirst(_ count: Int, blockSize: Int) -> Int {
        let size = min(count * blockSize, byteCount)
        // A file whose size is a multiple of the block size ends with an empty block.
        if isEnded && size < count * blockSize { isEmpty = true }
        start += size
        return size
    }
}
