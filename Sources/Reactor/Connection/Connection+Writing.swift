// From the handler to the kernel: what a handler writes while it runs is gathered and sent at once when it returns; what
// the kernel does not take is queued, with watermarks. No user code runs in here (invariant 5), and what is queued is
// bounded (invariant 12).
//
//     write --handler running--> gather buffer --handler returns--> send --not all taken--> queue --writable--> send
//       |                           |  full, or a large piece: send at once
//       +---- anyone else ----------+-------------------------------------> queue --end of turn--> send

import SystemPackage

/// What became of a write.
public struct WriteResult: Sendable, Hashable {
    private let value: UInt8

    /// Taken; write on.
    public static let taken = WriteResult(value: 0)
    /// Taken, but more than ``Limits/outputHighWatermark`` waits: hold back until ``ConnectionHandler/drained(_:)``.
    public static let pressure = WriteResult(value: 1)
    /// Not taken: the connection is over, or was finished.
    public static let closed = WriteResult(value: 2)
}

extension Connection {
    /// Pieces from this size on are sent at once instead of being copied, if nothing is before them.
    private static let directSize = 16 * 1024

    /// Writes bytes, in order and without blocking; they are copied or sent before this returns.
    ///
    /// Several writes of one callback leave in one `send` when it returns. The peer's slowness is this side's memory:
    /// heed ``WriteResult/pressure``; reading from that peer pauses by itself meanwhile, and beyond
    /// ``Limits/outputLimit`` the connection is closed.
    @discardableResult
    public func write(_ bytes: RawSpan) -> WriteResult {
        // Almost always: a small piece, by the running handler, with nothing before it.
        if state.intersection(.decidesWriting) == .gathering && bytes.byteCount < Self.directSize && loop.gather(bytes)
        {
            return .taken
        }
        return writeOtherwise(bytes)
    }

    @inline(never)
    private func writeOtherwise(_ bytes: RawSpan) -> WriteResult {
        guard state.isDisjoint(with: .keepsFromWriting) else { return .closed }
        if state.intersection([.gathering, .queued, .limitsWriting]) == .gathering {
            sendGathered()
            if state.isClosed { return .closed }
            if !state.contains(.queued) { return sendDirectly(bytes) }
        }
        return enqueue(bytes)
    }

    /// Writes two pieces that belong together, as two calls would.
    @inline(__always)
    func write(_ first: RawSpan, then second: RawSpan) -> WriteResult {
        if state.intersection(.decidesWriting) == .gathering
            && first.byteCount &+ second.byteCount < Self.directSize && loop.gather(first, second)
        {
            return .taken
        }
        return writeOtherwise(first, then: second)
    }

    @inline(never)
    private func writeOtherwise(_ first: RawSpan, then second: RawSpan) -> WriteResult {
        let result = write(first)
        if result == .closed { return result }
        let last = write(second)
        return last == .taken ? result : last
    }

    /// Writes a string's UTF-8 bytes.
    @discardableResult
    public func write(_ text: String) -> WriteResult { write(text.utf8Span.span) }

    /// Writes the bytes of a span.
    @discardableResult
    public func write(_ bytes: Span<UInt8>) -> WriteResult {
        unsafe write(bytes.bytes)  // safe: a UInt8 has no padding that would be uninitialized
    }

    /// Writes an array's bytes.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> WriteResult { write(bytes.span) }

    // MARK: Sending

    /// The handler returned, or the buffer is full: one send for all that it wrote.
    @inline(__always)
    func sendGathered() {
        let count = loop.gathered
        guard count > 0 else { return }
        loop.gathered = 0
        let result = loop.sendGathered(count, to: name)
        if result.rawValue == count { noteSent(count) } else { keepUnsent(count, result) }
    }

    /// The kernel did not take all that was gathered.
    @inline(never)
    private func keepUnsent(_ count: Int, _ first: SystemResult) {
        var result = first
        while result.wasInterrupted {
            result = loop.sendGathered(count, to: name)
        }
        guard let sent = judgeSend(result) else { return }
        append(unsafe loop.gatherBuffer.prefix(count).bytes.extracting(sent...))
    }

    private func sendDirectly(_ bytes: RawSpan) -> WriteResult {
        guard let sent = judgeSend(retryingInterrupts { loop.kernel.send(name, bytes) }) else { return .closed }
        return sent == bytes.byteCount ? .taken : enqueue(bytes.extracting(sent...))
    }

    private func enqueue(_ bytes: RawSpan) -> WriteResult {
        if bytes.byteCount > limits.hard - queuedWeight {
            terminate(CloseReason(.outputLimit), losesOutput: true)
            return .closed
        }
        append(bytes)
        askForFlush()
        return answer(queuedWeight)
    }

    /// What to answer a writer when so much waits.
    func answer(_ weight: Int) -> WriteResult {
        if weight <= limits.high { return .taken }
        // Whoever is told to hold back waits for `drained`, even if the next send takes everything.
        state.insert(.owesDrained)
        return .pressure
    }

    /// What waits, as it counts against the limits.
    var queuedWeight: Int { queue?.weight ?? 0 }

    /// Adds to the queue.
    private func append(_ bytes: RawSpan) {
        if !bytes.isEmpty { openQueue().append(bytes) }
    }

    /// The queue, to have something added.
    func openQueue() -> OutputQueue {
        if !state.contains(.queued) {
            noteTaken()
            state.insert(.queued)
        }
        if let queue { return queue }
        let new = loop.takeOutputQueue()
        queue = new
        return new
    }

    /// Sends from the queue, within the budget of a turn.
    func flushQueue() {
        guard state.intersection([.queued, .heldByRate]) == .queued, let queue else { return }
        guard state.contains(.limitsWriting) else { return flush(queue, atMost: limits.bytesSentPerTurn) }
        let before = sentCount
        flush(queue, atMost: min(limits.bytesSentPerTurn, writeAllowance()))
        noteSentUnderLimit(sentCount - before)
    }

    private func flush(_ queue: OutputQueue, atMost limit: Int) {
        var budget = limit
        while budget > 0 && !queue.isEmpty {
            let leading = queue.leadingByteCount
            if leading == 0, let file = queue.firstFile {
                let sent = sendFirstFile(of: queue, file, atMost: budget)
                if sent > 0 { noteTaken() }
                // Fewer than were offered may also be what the page cache had at hand: only "would block" ends this.
                if state.isClosed || sent == 0 && file.left > 0 { return }
                budget -= sent
            } else {
                let offered = min(leading, budget)
                let result = retryingInterrupts { queue.withFirst(offered) { loop.kernel.send(name, $0) } }
                guard let sent = judgeSend(result) else { return }
                if sent > 0 {
                    queue.removeFirst(sent)
                    noteTaken()
                }
                if sent < offered { return }
                budget -= sent
            }
        }
        if queue.isEmpty {
            dropQueue()
        } else if loop.isEdgeTriggered {
            // All that was offered was taken, so there is no edge to come: level-triggered, the kernel tells again.
            loop.lookAgain(at: self, .writable)
        }
    }

    /// The kernel took queued bytes, or had taken all there were. That is progress as long as no check has found that the
    /// peer still has to acknowledge some; then only its acknowledgements are.
    private func noteTaken() {
        if !state.contains(.unacknowledged) { lastProgress = loop.turnTime }
    }

    /// Nothing waits any more; what became of files may still have to be told.
    func dropQueue() {
        guard let queue else { return }
        state.remove(.queued)
        queue.removeAll(loop.kernel, keeping: .max)
        if queue.hasOutcomes {
            state.insert(.owesFileOutcome)
        } else {
            self.queue = nil
            loop.recycle(queue)
        }
    }

    /// What a send came to: the bytes taken, none of them if it would block; `nil` if it ended the connection.
    func judgeSend(_ result: SystemResult) -> Int? {
        guard let errno = result.errno else {
            noteSent(result.rawValue)
            lastActivity = loop.turnTime
            return result.rawValue
        }
        if errno.faultClass == .wouldBlock { return 0 }
        if errno.faultClass == .resources {
            // Out of buffers (ENOBUFS, ENOMEM) is "not now" too: the bytes wait, and their stall deadline watches.
            state.insert(.outOfBuffers)
            armDeadline(loop.turnTime + Self.bufferRetryInterval)
            return 0
        }
        terminate(CloseReason(.failed, error: SocketError(.send, subject: "\(peer)", errno: errno)))
        return nil
    }

    @inline(__always)
    private func noteSent(_ count: Int) {
        loop.counters.sends &+= 1
        loop.counters.bytesSent &+= count
        sentCount &+= count
    }

    // MARK: Between callbacks

    /// Has the connection flushed at the end of the turn; while its handler runs, that flushes when it returns.
    func askForFlush() {
        if state.intersection([.gathering, .limitsWriting]) != .gathering { flushInNextTurn() }
    }

    /// Has the connection flushed at the end of the turn, even while its handler runs.
    func flushInNextTurn() {
        guard !state.contains(.unflushed) else { return }
        state.insert(.unflushed)
        loop.unflushed.append(self)
    }

    /// A new turn begins: send what others wrote.
    func flushUnflushed() {
        state.remove(.unflushed)
        guard !state.isClosed else { return }
        flushQueue()
        settle()
    }

    /// Brings everything in line with what is queued now: interest, pressure, the deadline, and the steps of finishing
    /// and closing that waited for an empty queue. Called whenever one of them may have changed.
    @inline(never)
    func settle() {
        if state.contains(.owesFileOutcome) { deliverFileOutcomes() }
        guard !state.isClosed else { return }
        let count = queuedWeight
        if count == 0 {
            if state.contains(.finishing) { shutdownWriting() }
            if state.contains(.closing) { lingerOrClose() }
            guard !state.isClosed else { return }
        } else {
            armDeadline(lastProgress + limits.progressCheck)
        }
        if count > limits.high && state.isOpen && !state.contains(.pausedByPressure) {
            state.formUnion([.pausedByPressure, .owesDrained])
            loop.counters.pressurePauses += 1
        } else if count <= limits.low && state.contains(.pausedByPressure) {
            state.remove(.pausedByPressure)
            readingResumed()
        }
        updateInterest()
        if state.contains(.owesDrained) && count <= limits.low && state.isOpen { deliverDrained() }
    }
}
