// From the handler to the kernel: a handler's writes are gathered and sent at once when it returns; whatever the kernel
// does not accept is queued, with watermarks. No user code runs in here (invariant 5), and the queue is bounded
// (invariant 12). ``EventLoop/unflushed`` documents when queued output leaves that was written outside the handler's
// callback.
//
//     write --handler running--> gather buffer --handler returns--> send --not all taken--> queue --writable--> send
//       |                           |  full, or a large piece: send at once
//       +---- any other caller -----+-------------------------------------> queue --EventLoop.unflushed--> send

import SystemPackage

/// The result of a write.
public struct WriteResult: Sendable, Hashable, CustomStringConvertible {
    private let value: UInt8

    /// The bytes were taken; the caller may write more.
    public static let taken = WriteResult(value: 0)
    /// The bytes were taken, but more than ``Limits/outputHighWatermark`` is queued: stop writing until
    /// ``ConnectionHandler/drained(_:)``.
    public static let pressure = WriteResult(value: 1)
    /// The bytes were not taken: the connection has closed, or ``Connection/close()`` or ``Connection/closeWrite()`` was
    /// called.
    public static let closed = WriteResult(value: 2)

    /// The result in one word.
    public var description: String { ["taken", "pressure", "closed"][Int(value)] }
}

extension Connection {
    /// Pieces of at least this size are sent at once instead of being copied, if nothing is queued before them.
    private static let directSize = 16 * 1024

    /// Writes bytes, in order and without blocking; they are copied or sent before this returns.
    ///
    /// The writes of one callback leave in one `send` when it returns. A slow peer costs memory on this side: heed
    /// ``WriteResult/pressure``. Meanwhile reading from that peer pauses by itself, unless ``pressurePolicy`` says
    /// otherwise.
    ///
    /// A write may have any size while no more than ``Limits/outputHighWatermark`` is queued before it, so a caller
    /// that stops at `pressure` is never closed for its output. A write that is made under pressure and takes the queue
    /// beyond ``Limits/outputLimit`` resets the connection.
    /// - Returns: Whether the bytes were taken, and whether to stop writing.
    @discardableResult
    public func write(_ bytes: RawSpan) -> WriteResult {
        // The common case: a small piece, written by the running handler, with nothing queued before it.
        if state.intersection(.decidesWriting) == .gathering && bytes.byteCount < Self.directSize && loop.gather(bytes)
        {
            return .taken
        }
        return writeOtherwise(bytes)
    }

    @inline(never)
    private func writeOtherwise(_ bytes: RawSpan) -> WriteResult {
        guard state.isDisjoint(with: .keepsFromWriting) else { return .closed }
        if state.intersection([.gathering, .queued, .queuesOutput]) == .gathering {
            sendGathered()
            if state.isClosed { return .closed }
            if !state.contains(.queued) { return sendDirectly(bytes) }
        }
        return enqueue(bytes)
    }

    /// Writes two pieces in order, as two calls would.
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
    ///
    /// - Returns: As ``write(_:)-(RawSpan)``.
    @discardableResult
    public func write(_ text: String) -> WriteResult { write(text.utf8Span.span) }

    /// Writes the bytes of a span.
    ///
    /// - Returns: As ``write(_:)-(RawSpan)``.
    @discardableResult
    public func write(_ bytes: Span<UInt8>) -> WriteResult {
        unsafe write(bytes.bytes)  // safe: a UInt8 has no padding that would be uninitialized
    }

    /// Writes an array's bytes.
    ///
    /// - Returns: As ``write(_:)-(RawSpan)``.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> WriteResult { write(bytes.span) }

    // MARK: Sending

    /// Sends all gathered bytes in one call: the handler has returned, or the buffer is full.
    @inline(__always)
    func sendGathered() {
        let count = loop.gathered
        guard count > 0 else { return }
        loop.gathered = 0
        let result = loop.sendGathered(count, to: fd)
        if result.rawValue == count { noteSent(count) } else { keepUnsent(count, result) }
    }

    /// Queues the gathered bytes that the kernel did not accept.
    @inline(never)
    private func keepUnsent(_ count: Int, _ first: SystemResult) {
        var result = first
        while result.wasInterrupted {
            result = loop.sendGathered(count, to: fd)
        }
        guard let sent = judgeSend(result) else { return }
        // Safe: the buffer lives as long as the loop, and nothing writes to it while `append` copies the bytes.
        append(unsafe loop.gatherBuffer.prefix(count).bytes.extracting(sent...))
    }

    private func sendDirectly(_ bytes: RawSpan) -> WriteResult {
        guard let sent = judgeSend(retryingInterrupts { loop.kernel.send(fd, bytes) }) else { return .closed }
        return sent == bytes.byteCount ? .taken : enqueue(bytes.extracting(sent...))
    }

    private func enqueue(_ bytes: RawSpan) -> WriteResult {
        guard hasRoom(for: bytes.byteCount) else {
            terminate(CloseReason(.outputLimit), losesOutput: true)
            return .closed
        }
        append(bytes)
        askForFlush()
        return resultOfWriting(queuedWeight)
    }

    /// Returns whether the queue takes a write of this weight: one within the limit, or of any size while there is no
    /// pressure. The caller holds the memory of the latter already, and there is at most one in the queue, because it
    /// raises the queue above both the limit and the high watermark.
    func hasRoom(for weight: Int) -> Bool {
        let queued = queuedWeight
        return weight <= limits.hard - queued || queued <= limits.high && queued <= limits.hard
    }

    /// Returns the result of a write after which so much is queued.
    func resultOfWriting(_ weight: Int) -> WriteResult {
        if weight <= limits.high { return .taken }
        // A writer that stops for pressure waits for `drained`, even if the next send takes everything.
        state.insert(.owesDrained)
        return .pressure
    }

    /// The weight of the queued output against the limits, in bytes; a file counts as 4 KiB.
    var queuedWeight: Int { queue?.weight ?? 0 }

    /// Appends bytes to the queue.
    private func append(_ bytes: RawSpan) {
        if !bytes.isEmpty { openQueue().append(bytes) }
    }

    /// Returns the queue for appending; creates it if necessary.
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

    /// Sends queued output, within the budget of a turn.
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
                // A short sendfile may also mean that the page cache held no more at that moment: only "would block"
                // ends this.
                if state.isClosed || sent == 0 && file.left > 0 { return }
                budget -= sent
            } else {
                let offered = min(leading, budget)
                let result = retryingInterrupts { queue.withFirst(offered) { transmit($0) } }
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
            // The kernel took all that was offered, so no edge will follow; level-triggered, it reports writability
            // again.
            loop.redispatch(self, .writable)
        }
    }

    /// Notes progress: the kernel took queued bytes, or the queue was empty until now. It counts until a check of the
    /// deadlines has found unacknowledged output; from then on only the peer's acknowledgements are progress.
    private func noteTaken() {
        if !state.contains(.unacknowledged) { lastProgress = loop.turnTime }
    }

    /// Releases the queue; the outcomes of its files may still have to be delivered.
    func dropQueue() {
        guard let queue else { return }
        state.remove(.queued)
        queue.removeAll(loop.kernel)
        if queue.hasOutcomes {
            state.insert(.owesFileOutcome)
        } else {
            self.queue = nil
            loop.recycle(queue)
        }
    }

    /// Evaluates the result of a send.
    ///
    /// - Returns: The number of bytes taken, 0 if it would block; `nil` if the send failed and ended the connection, or
    ///   its output.
    func judgeSend(_ result: SystemResult) -> Int? {
        guard let errno = result.errno else {
            noteSent(result.rawValue)
            lastActivity = loop.turnTime
            return result.rawValue
        }
        if errno.faultClass == .wouldBlock { return 0 }
        if errno.faultClass == .resources {
            // Out of buffers (ENOBUFS, ENOMEM) means "try later" too: the bytes stay queued, under their stall
            // deadline.
            state.insert(.outOfBuffers)
            armDeadline(loop.turnTime + Self.bufferRetryNanoseconds)
            return 0
        }
        let error = SocketError(.send, subject: "\(peer)", errno: errno)
        if !losesOutputOnly(error) { terminate(CloseReason(.failed, error: error)) }
        return nil
    }

    private func transmit(_ bytes: RawSpan) -> SystemResult {
        state.contains(.plain) ? writePlain(bytes) : loop.kernel.send(fd, bytes)
    }

    @inline(__always)
    private func noteSent(_ count: Int) {
        loop.counters.sends &+= 1
        loop.counters.bytesSent &+= count
        sentCount &+= count
    }

    // MARK: Between callbacks

    /// Adds the connection to ``EventLoop/unflushed``, unless its handler is running: its return sends everything.
    func askForFlush() {
        if state.intersection([.gathering, .queuesOutput]) != .gathering { flushInNextTurn() }
    }

    /// Adds the connection to ``EventLoop/unflushed``, even while its handler is running.
    func flushInNextTurn() {
        guard !state.contains(.unflushed) else { return }
        state.insert(.unflushed)
        loop.unflushed.append(self)
    }

    /// Sends unflushed output.
    func flushUnflushed() {
        state.remove(.unflushed)
        guard !state.isClosed else { return }
        flushQueue()
        settle()
    }

    /// Adjusts everything that depends on the queue: interest, backpressure, the stall deadline, and the steps of
    /// finishing and closing that waited for an empty queue. Called whenever one of them may have changed.
    @inline(never)
    func settle() {
        if state.contains(.owesFileOutcome) { deliverFileOutcomes() }
        guard !state.isClosed else { return }
        let count = queuedWeight
        if count == 0 {
            if state.contains(.closingWrite) { shutdownWriting() }
            if state.contains(.closing) { lingerOrClose() }
            guard !state.isClosed else { return }
        } else {
            armDeadline(lastProgress + limits.progressCheckNanoseconds)
        }
        if count > limits.high && state.isOpen {
            state.insert(.owesDrained)
            if state.isDisjoint(with: [.pausedByPressure, .reportsPressureOnly]) {
                state.insert(.pausedByPressure)
                loop.counters.pressurePauses += 1
            }
        } else if count <= limits.low
            && state.intersection([.pausedByPressure, .reportsPressureOnly]) == .pausedByPressure
        {
            state.remove(.pausedByPressure)
            readingResumed()
        }
        updateInterest()
        if state.contains(.owesDrained) && count <= limits.low && state.isOpen { deliverDrained() }
    }
}
