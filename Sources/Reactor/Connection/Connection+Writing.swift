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
        guard life == .open && writing == .open else { return .closed }
        if isGathering && queue == nil {
            if bytes.byteCount <= loop.gatherBuffer.free
                && (bytes.byteCount < Self.directSize || !loop.gatherBuffer.isEmpty)
            {
                loop.gatherBuffer.append(bytes)
                return .taken
            }
            sendGathered()
            if life == .open && queue == nil { return sendDirectly(bytes) }
            guard life == .open else { return .closed }
        }
        return enqueue(bytes)
    }

    /// Writes a string's UTF-8 bytes.
    @discardableResult
    public func write(_ text: String) -> WriteResult {
        unsafe write(text.utf8Span.span.bytes)
    }

    /// Writes an array's bytes.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> WriteResult { unsafe write(bytes.span.bytes) }

    // MARK: Sending

    /// The handler returned: one send for all that it wrote.
    func sendGathered() {
        guard !loop.gatherBuffer.isEmpty else { return }
        let kernel = loop.kernel
        let count = loop.gatherBuffer.count
        let result = retryingInterrupts { loop.gatherBuffer.withBytes { kernel.send(name, $0) } }
        let sent = noteSent(result)
        if sent < count && life == .open {
            loop.gatherBuffer.withBytes { _ = append($0.extracting(sent...)) }
        }
        loop.gatherBuffer.removeAll()
    }

    private func sendDirectly(_ bytes: RawSpan) -> WriteResult {
        let kernel = loop.kernel
        let result = retryingInterrupts { kernel.send(name, bytes) }
        let sent = noteSent(result)
        guard life == .open else { return .closed }
        return sent == bytes.byteCount ? .taken : enqueue(bytes.extracting(sent...))
    }

    private func enqueue(_ bytes: RawSpan) -> WriteResult {
        let count = append(bytes)
        if count > limits.hard {
            terminate(CloseReason(.outputLimit))
            return .closed
        }
        if !isGathering { askForFlush() }
        return count > limits.high ? .pressure : .taken
    }

    /// Adds to the queue; answers how much is in it now.
    @discardableResult
    private func append(_ bytes: RawSpan) -> Int {
        if queue == nil {
            if bytes.isEmpty { return 0 }
            lastProgress = loop.turnTime
            queue = ByteQueue()
        }
        queue?.append(bytes)
        return queue?.count ?? 0
    }

    /// Sends from the queue, within the budget of a turn.
    func flushQueue() {
        guard let queue else { return }
        let kernel = loop.kernel
        let limit = limits.bytesSentPerTurn
        let offered = min(queue.count, limit)
        let result = retryingInterrupts { queue.withFirst(limit) { kernel.send(name, $0) } }
        let sent = noteSent(result)
        guard life != .closed else { return }
        if sent > 0 {
            queue.removeFirst(sent)
            lastProgress = loop.turnTime
            if queue.isEmpty { self.queue = nil }
        }
        // All that was offered was taken and more is there: level-triggered the kernel tells again, edge-triggered not.
        if sent == offered && self.queue != nil && loop.capabilities.isEdgeTriggered {
            loop.lookAgain(at: self, .writable)
        }
    }

    /// Counts what a send took; ends the connection if it failed. Answers the number of bytes taken.
    private func noteSent(_ result: SystemResult) -> Int {
        loop.counters.sends += 1
        if result.rawValue >= 0 {
            loop.counters.bytesSent += result.rawValue
            sentCount += result.rawValue
            lastActivity = loop.turnTime
            return result.rawValue
        }
        if let errno = result.errno, !result.wouldBlock, errno.faultClass != .resources {
            terminate(CloseReason(.failed, error: SocketError(.send, subject: "\(peer)", errno: errno)))
        }
        // Out of buffers (ENOBUFS, ENOMEM) is "not now" for one connection: its bytes wait, its stall deadline watches.
        return 0
    }

    // MARK: Between callbacks

    /// Has the connection flushed at the end of the turn.
    func askForFlush() {
        if isUnflushed || isGathering { return }
        isUnflushed = true
        loop.unflushed.append(self)
    }

    /// The turn ends, or a new one begins: send what others wrote.
    func flushUnflushed() {
        isUnflushed = false
        guard life != .closed else { return }
        if queue != nil { flushQueue() }
        settle()
    }

    /// Brings everything in line with what is queued now: interest, pressure, the deadline, and the steps of finishing
    /// and closing that waited for an empty queue. Called after every send.
    func settle() {
        guard life != .closed else { return }
        let count = queue?.count ?? 0
        if count == 0 {
            if writing == .finishing { shutdownWriting() }
            if life == .closing { return lingerOrClose() }
        } else {
            armDeadline(lastProgress + limits.writeStall)
        }
        if count > limits.high && !isPausedByPressure {
            isPausedByPressure = true
            owesDrained = true
            loop.counters.pressurePauses += 1
        } else if count <= limits.low && isPausedByPressure {
            isPausedByPressure = false
            readingResumed()
        }
        updateInterest()
        if owesDrained && !isPausedByPressure && life == .open { deliverDrained() }
    }
}
