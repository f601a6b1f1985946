// The half of a transfer that has the file: it sends a window of blocks and waits for it to be acknowledged. Packets and
// time go in, packets come out; it knows no socket and no file.
//
//     opening --answered--> transferring --last block acknowledged--> finished
//        |                       |  ^ acknowledged: the window moves on
//        |                       |  ^ a part of it acknowledged: there is a gap, again from there (RFC 7440, 4)
//        |                       |  ^ nothing in time: the window again, and twice the time to wait
//        +--- ERROR, or silence -+----> failed
//
// The Sorcerer's Apprentice (RFC 1123, 4.2.3.1): if a duplicate acknowledgement made a block be sent again, that one would
// be acknowledged twice in turn, and each packet would come twice to the end of the transfer. With a window of 1 no
// acknowledgement ever makes anything be sent twice. With a larger one, a receiver that misses the first block of a window
// has nothing but a repeated acknowledgement to say so; it is heeded only if the block that it acknowledges was sent once,
// so that it cannot be the echo of a repetition, and what is sent then counts as sent twice: it is heeded once.

import Reactor

/// Sends a file.
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
    // Blocks are counted from 0 without end; on the wire block 0 has number 1, and numbers wrap at 16 bits.
    /// Blocks that were acknowledged.
    private var acknowledged = 0
    /// Blocks of which the last word is that they are on their way.
    private var sent = 0
    /// Blocks before this one may have been sent more than once.
    private var repeatedBefore = 0
    private var lastSent = MonotonicTime(nanoseconds: 0)
    private var lastProgress = MonotonicTime(nanoseconds: 0)
    /// Times that something was sent to a peer that has not answered.
    private var openings = 0

    /// Sends a file whose bytes are given with ``supply(_:isLast:at:)``.
    ///
    /// - Parameters:
    ///   - patience: how long the other side may be silent.
    init(_ opening: TransferOpening, terms: TFTPTerms, patience: Duration) {
        self.opening = opening
        self.patience = patience
        // A client has no terms until the server has answered.
        self.terms = opening.isServer ? terms : TFTPTerms()
        timer = RetransmissionTimer(agreed: opening.isServer ? terms.timeout : nil)
    }

    // MARK: The file

    /// Whether more of the file is needed soon; never more than a few windows are kept.
    var wantsData: Bool { !blocks.isEnded && !state.isOver && blocks.byteCount < wantedBytes }
    private var wantedBytes: Int { max(32 * 1024, 2 * terms.windowSize * terms.blockSize) }

    /// The next bytes of the file, in order.
    func supply(_ bytes: [UInt8], isLast: Bool, at now: MonotonicTime) {
        blocks.append(bytes, isLast: isLast)
        if sent == acknowledged { lastProgress = now }  // the other side waited, not this one
        if state == .transferring || opening.packet == nil { sendWindow(at: now) }
    }

    // MARK: The other side

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
        case .optionAcknowledgement(let answer): agreed(on: answer, at: now)
        case .error(let error): end(.refused(error))
        case .data, .read, .write: fail(.illegal("this is the transfer of a file to you"))
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

    /// The server granted options to a client.
    private func agreed(on answer: [TFTPOption], at now: MonotonicTime) {
        guard state == .opening, !opening.isServer else {
            statistics.useless += 1
            return
        }
        do throws(TFTPError) {
            terms = try TFTPTerms.accepting(answer, to: opening.asked)
        } catch {
            return fail(error)
        }
        timer = RetransmissionTimer(agreed: terms.timeout)
        opened(at: now)
    }

    private func opened(at now: MonotonicTime) {
        state = .transferring
        lastProgress = now
        // Of a server that sent block 1 at once, that block is what was answered.
        if opening.packet != nil { measure(at: now, wasSentOnce: openings == 1) }
        timer.progressed()
        sendWindow(at: now)
    }

    private func acknowledged(_ block: UInt16, at now: MonotonicTime) {
        // How far ahead of the last acknowledged block, as numbers of 16 bits go round.
        let ahead = Int(block &- UInt16(truncatingIfNeeded: acknowledged))
        if state == .opening {
            if opening.packet != nil {
                // The answer to the options, or to a request to write.
                if block == 0 { opened(at: now) } else { statistics.useless += 1 }
                return
            }
            if ahead == 0 || ahead > sent { return statistics.useless += 1 }
            state = .transferring
        }
        switch ahead {
        case 0: repeatedAcknowledgement(at: now)
        case 1...max(1, sent - acknowledged) where sent > acknowledged: advance(by: ahead, at: now)
        default: statistics.useless += 1  // of long ago, or of what was never sent
        }
    }

    /// The window moves on.
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

    /// What was sent and not acknowledged is to be sent again.
    private func goBack() {
        statistics.repeated += sent - acknowledged
        repeatedBefore = max(repeatedBefore, sent)
        sent = acknowledged
    }

    /// Sends what of the window has not been sent and is there.
    private func sendWindow(at now: MonotonicTime) {
        let first = sent
        while sent - acknowledged < terms.windowSize,
            let block = blocks.block(sent - acknowledged, blockSize: terms.blockSize)
        {
            sent += 1
            outgoing.append(TFTPPacket.data(block: UInt16(truncatingIfNeeded: sent), block))
        }
        if sent > first && state == .opening { openings += 1 }
        // Nothing on its way: it is the file that is waited for.
        if sent == acknowledged { deadline = .never } else if sent > first { wait(from: now) }
    }
}

/// The bytes of a file from the first block that was not acknowledged on, as far as they are there.
struct BlockQueue: Sendable {
    private var bytes: [UInt8] = []
    private var start = 0
    /// Whether the file's end is there.
    private(set) var isEnded = false
    /// Whether the last block was removed: a short one, which may be empty.
    private(set) var isEmpty = false

    var byteCount: Int { bytes.count - start }

    mutating func append(_ more: [UInt8], isLast: Bool) {
        // Moved to the front only when that is less than what was removed since, so that no byte is moved often.
        if start > bytes.count - start {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += more
        isEnded = isLast
    }

    /// A block, 0 the first; `nil` when it is not there yet, or never will be.
    func block(_ index: Int, blockSize: Int) -> ArraySlice<UInt8>? {
        let from = start + index * blockSize
        if from + blockSize <= bytes.count { return bytes[from..<from + blockSize] }
        guard isEnded, !isEmpty, from <= bytes.count else { return nil }
        return bytes[from...]
    }

    /// Removes blocks that are there; answers how many bytes they had.
    mutating func removeFirst(_ count: Int, blockSize: Int) -> Int {
        let size = min(count * blockSize, byteCount)
        // A file whose length is a multiple of a block's ends with an empty one.
        if isEnded && size < count * blockSize { isEmpty = true }
        start += size
        return size
    }
}
